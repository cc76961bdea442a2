# camrank: `make help` lists the targets.
#
#   BUILD   where objects and programs go            (build)
#   EXTRA   further compiler and linker flags
#   PREFIX, DESTDIR                                  (/usr/local, empty)

# make predefines CC, so `?=` would never take effect.
ifeq ($(origin CC),default)
CC := mpicc
endif
BUILD ?= build
PREFIX ?= /usr/local
PYTHON ?= /usr/bin/python3
EXTRA ?=

PACKAGES := openblas libcyaml yaml-0.1 libprotobuf-c libpng cairo jansson libcrypto \
	libxml-2.0 libarchive zlib
HDF5_CFLAGS ?= $(shell pkg-config --cflags hdf5-openmpi 2>/dev/null)
HDF5_LIBS ?= $(shell pkg-config --libs hdf5-openmpi 2>/dev/null || echo -lhdf5)
ONNX_PROTO_DIR ?= $(firstword $(foreach d,/usr/include /usr/local/include \
	$(subst :, ,$(CPATH)),$(if $(wildcard $d/onnx/onnx.proto),$d)))

WARN := -Wall -Wextra -Wshadow -Wconversion -Wstrict-prototypes -Wvla
CFLAGS ?= -O2 -g
CPPFLAGS += -Iinclude -I. -I$(BUILD)/gen -D_GNU_SOURCE
ALL_CFLAGS = -std=c11 -fPIC $(CFLAGS) $(WARN) $(CPPFLAGS) $(EXTRA) $(HDF5_CFLAGS) \
	$(shell pkg-config --cflags $(PACKAGES) 2>/dev/null)
# OpenBLAS is loaded when it is needed (core/kernels/blas.c): everything else is linked.
LINKED := $(filter-out openblas,$(PACKAGES))
LIBS = $(HDF5_LIBS) $(shell pkg-config --libs $(LINKED) 2>/dev/null) -lcsv -ljpeg -lm -ldl -pthread
OPENBLAS_DIRS := $(patsubst -L%,%,$(shell pkg-config --libs-only-L openblas 2>/dev/null))
LDFLAGS += $(OPENBLAS_DIRS:%=-Wl,-rpath,%)

# What needs neither MPI nor HDF5, and what does.
SERIAL := base geometry image data kernels nn cam loc
SERIAL_SRC := $(sort $(wildcard $(SERIAL:%=core/%/*.c)))
CORE_SRC := $(sort $(wildcard core/*/*.c))
MAIN_SRC := $(sort $(wildcard worker/*.c driver/*.c))
UNIT_SRC := $(filter-out tests/unit/test_gradients.c,$(sort $(wildcard tests/unit/test_*.c)))
MPI_SRC := $(sort $(wildcard tests/mpi/test_*.c))
# Programs that tests and benches of scaling start.
SCALE_SRC := $(sort $(wildcard tests/scale/*.c))

object = $(patsubst %.c,$(BUILD)/%.o,$(1))
ONNX_OBJ := $(BUILD)/gen/onnx/onnx.pb-c.o
SERIAL_LIB := $(BUILD)/libcamrank-serial.a
CORE_LIB := $(BUILD)/libcamrank-core.a
CAMRANK := $(BUILD)/camrank
# Python tests call the serial modules through this library.
JUDGED_LIB := $(BUILD)/tests/libcamrank-serial.so
FUZZ_SRC := $(sort $(wildcard tests/fuzz/fuzz_*.c))
FUZZ_TARGETS := $(FUZZ_SRC:tests/%.c=$(BUILD)/tests/%)
TESTS := $(JUDGED_LIB) $(UNIT_SRC:tests/%.c=$(BUILD)/tests/%) \
	$(MPI_SRC:tests/%.c=$(BUILD)/tests/%) $(FUZZ_TARGETS) \
	$(SCALE_SRC:tests/%.c=$(BUILD)/tests/%)

.PHONY: all
all: $(CAMRANK) ## builds build/camrank

# Goals that build install what is missing first; `deps` is a no-op once its stamp stands.
$(BUILD)/.deps-%: .ci/deps
	@.ci/deps $*
	@mkdir -p $(@D) && touch $@

.PHONY: demo
demo: $(BUILD)/.deps-build ## installs what is missing, builds, runs the sample over 2 ranks
	@+$(MAKE) --no-print-directory -s all
	@.ci/demo $(CAMRANK) $(BUILD)

.PHONY: test
test: $(BUILD)/.deps-test ## installs what is missing, builds, runs every test
	@+$(MAKE) --no-print-directory -s all tests
	@BUILD=$(BUILD) PYTHON=$(PYTHON) tests/run tests/testlist

.PHONY: test-long
test-long: $(BUILD)/.deps-test ## the tests, and those that take long
	@+$(MAKE) --no-print-directory -s all tests
	@BUILD=$(BUILD) PYTHON=$(PYTHON) CAMRANK_TEST_LONG=1 tests/run tests/testlist

.PHONY: zoo
zoo: $(BUILD)/.deps-test ## every CNN of torchvision against PyTorch, into docs/zoo.md; takes long
	@+$(MAKE) --no-print-directory -s $(JUDGED_LIB)
	@BUILD=$(BUILD) $(PYTHON) tests/judge/zoo.py --table docs/zoo.md all

.PHONY: bench-scaling
bench-scaling: $(BUILD)/.deps-test ## two ranks against one, the pipeline against the network; needs CAMRANK_KIT
	@+$(MAKE) --no-print-directory -s all $(SCALE_SRC:tests/%.c=$(BUILD)/tests/%)
	@. tests/mpi.env; BUILD=$(BUILD) $(PYTHON) tests/scale/bench.py
	@. tests/mpi.env; for n in 2 8 32; do \
		mpirun -q --mca btl tcp,self -n $$n $(BUILD)/tests/scale/messages; done

.PHONY: scaling
scaling: ## simulates runs over 10 to 10,000 ranks, into docs/scaling.md; needs matplotlib
	@$(PYTHON) tests/scale/scaling.py docs

.PHONY: tests double-tests
tests: $(TESTS) double-tests

.PHONY: deps
deps: ## installs or names what is missing, for building and for the tests
	@.ci/deps test && echo "everything camrank needs is here"

$(BUILD)/gen/onnx/onnx.pb-c.c: $(ONNX_PROTO_DIR)/onnx/onnx.proto
	@mkdir -p $(BUILD)/gen
	protoc-c --proto_path=$(ONNX_PROTO_DIR) --c_out=$(BUILD)/gen onnx/onnx.proto

$(ONNX_OBJ): $(BUILD)/gen/onnx/onnx.pb-c.c
	$(CC) -std=c11 -fPIC $(CFLAGS) $(EXTRA) -I$(BUILD)/gen -c $< -o $@

# The name that a program linked with OpenBLAS asks the loader for.
$(BUILD)/gen/openblas.h:
	@mkdir -p $(@D)
	@$(CC) -shared -Wl,--no-as-needed -o $@.so $$(pkg-config --libs openblas)
	@printf '#define CR_OPENBLAS "%s"\n' \
		"$$(readelf -d $@.so | sed -n 's/.*NEEDED.*\[\(libopenblas[^]]*\)\].*/\1/p')" >$@
	@rm $@.so

# Everything may include the generated headers, so they are made before anything is compiled.
$(BUILD)/%.o: %.c | $(BUILD)/gen/onnx/onnx.pb-c.c $(BUILD)/gen/openblas.h
	@mkdir -p $(@D)
	$(CC) $(ALL_CFLAGS) -MMD -MP -c $< -o $@

$(SERIAL_LIB): $(call object,$(SERIAL_SRC)) $(ONNX_OBJ)
	@rm -f $@
	$(AR) rcs $@ $^

$(CORE_LIB): $(call object,$(CORE_SRC)) $(ONNX_OBJ)
	@rm -f $@
	$(AR) rcs $@ $^

$(CAMRANK): $(call object,$(MAIN_SRC)) $(CORE_LIB)
	$(CC) $(CFLAGS) $(EXTRA) $(LDFLAGS) $^ $(LIBS) -o $@

# Unit tests link the serial modules alone: a reference to MPI or HDF5 there does not link.
$(BUILD)/tests/unit/test_%: $(BUILD)/tests/unit/test_%.o $(SERIAL_LIB)
	cc $(CFLAGS) $(EXTRA) $(LDFLAGS) $(filter %.o,$^) $(filter %.a,$^) \
		$(shell pkg-config --libs $(LINKED) cmocka) -lcsv -ljpeg -lm -ldl -pthread -o $@

$(JUDGED_LIB): $(SERIAL_LIB)
	@mkdir -p $(@D)
	cc -shared $(CFLAGS) $(EXTRA) $(LDFLAGS) -Wl,--whole-archive $^ -Wl,--no-whole-archive \
		$(shell pkg-config --libs $(LINKED)) -lcsv -ljpeg -lm -ldl -o $@

$(BUILD)/tests/mpi/test_%: $(BUILD)/tests/mpi/test_%.o $(BUILD)/tests/mpi/harness.o \
		$(filter-out $(BUILD)/driver/main.o,$(call object,$(MAIN_SRC))) $(CORE_LIB)
	$(CC) $(CFLAGS) $(EXTRA) $(LDFLAGS) $^ $(LIBS) -o $@

$(BUILD)/tests/scale/%: $(BUILD)/tests/scale/%.o \
		$(filter-out $(BUILD)/driver/main.o,$(call object,$(MAIN_SRC))) $(CORE_LIB)
	$(CC) $(CFLAGS) $(EXTRA) $(LDFLAGS) $^ $(LIBS) -o $@

# A fuzz target reads files that are given to it, or, linked with libFuzzer, invents them.
REPLAY ?= $(BUILD)/tests/fuzz/replay.o
$(BUILD)/tests/fuzz/fuzz_%: $(BUILD)/tests/fuzz/fuzz_%.o $(BUILD)/tests/fuzz/fuzz.o $(REPLAY) \
		$(filter-out $(BUILD)/driver/main.o,$(call object,$(MAIN_SRC))) $(CORE_LIB)
	$(CC) $(CFLAGS) $(EXTRA) $(LDFLAGS) $^ $(LIBS) -o $@

$(BUILD)/tests/unit/test_ahead: $(BUILD)/worker/ahead.o
$(addprefix $(BUILD)/tests/unit/test_,ahead data data_layouts hostile): $(BUILD)/tests/unit/scratch.o
$(addprefix $(BUILD)/tests/unit/test_,damage external fold head nn onnx operator segments): $(BUILD)/tests/unit/onnx_builder.o

# The network engine once more in double precision, to check gradients by finite differences.
DOUBLE_SRC := $(sort $(wildcard core/base/*.c core/kernels/*.c core/nn/*.c))
DOUBLE_OBJ := $(DOUBLE_SRC:%.c=$(BUILD)/double/%.o) $(ONNX_OBJ)
DOUBLE_LIB := $(BUILD)/double/tests/libcamrank-serial.so
DOUBLE_TESTS := $(DOUBLE_LIB) $(BUILD)/double/tests/unit/test_gradients
DOUBLE_PACKAGES := libprotobuf-c libcrypto

double-tests: $(DOUBLE_TESTS)

$(BUILD)/double/%.o: %.c | $(BUILD)/gen/onnx/onnx.pb-c.c $(BUILD)/gen/openblas.h
	@mkdir -p $(@D)
	$(CC) $(ALL_CFLAGS) -DCR_REAL=double -MMD -MP -c $< -o $@

$(BUILD)/double/tests/unit/test_gradients: $(BUILD)/double/tests/unit/test_gradients.o \
		$(BUILD)/double/tests/unit/onnx_builder.o $(DOUBLE_OBJ)
	cc $(CFLAGS) $(EXTRA) $(LDFLAGS) $^ \
		$(shell pkg-config --libs $(DOUBLE_PACKAGES) cmocka) -lm -ldl -o $@

$(DOUBLE_LIB): $(DOUBLE_OBJ)
	@mkdir -p $(@D)
	cc -shared $(CFLAGS) $(EXTRA) $(LDFLAGS) $^ \
		$(shell pkg-config --libs $(DOUBLE_PACKAGES)) -lm -ldl -o $@

FMA_PEAK := $(BUILD)/tests/libfma-peak.so
$(FMA_PEAK): tests/judge/fma_peak.c
	@mkdir -p $(@D)
	cc -std=c11 -shared -fPIC $(CFLAGS) $(WARN) -D_GNU_SOURCE $< -o $@

.PHONY: bench
bench: $(BUILD)/.deps-test ## speed beside PyTorch's, into docs/performance.md, and OpenCV's; takes long
	@+$(MAKE) --no-print-directory -s $(JUDGED_LIB) $(FMA_PEAK)
	@BUILD=$(BUILD) $(PYTHON) tests/judge/bench.py --table docs/performance.md
	@BUILD=$(BUILD) $(PYTHON) tests/judge/bench_loc.py

.PHONY: bench-count
bench-count: $(BUILD)/.deps-bench ## instructions of a small job by room, against those recorded
	@+$(MAKE) --no-print-directory -s all
	@. tests/mpi.env && CAMRANK=$(CAMRANK) $(PYTHON) tests/judge/bench_count.py $(ARGS)

FORMATTED = $(shell git ls-files 'include/**.h' 'core/**.[ch]' 'worker/*.[ch]' 'driver/*.[ch]' \
	'tests/**.[ch]')

.PHONY: lint
lint: ## warnings as errors, layout, cppcheck
	@clang-format --dry-run -Werror $(FORMATTED)
	@+$(MAKE) --no-print-directory -s BUILD=$(BUILD)/lint EXTRA=-Werror all tests
	@cppcheck --quiet --std=c11 --error-exitcode=1 --inline-suppr -Iinclude \
		--suppress=missingIncludeSystem core worker driver

.PHONY: format
format: ## lays the sources out
	clang-format -i $(FORMATTED)

.PHONY: asan
asan: $(BUILD)/.deps-test ## the tests under AddressSanitizer and UndefinedBehaviorSanitizer
	@+$(MAKE) --no-print-directory -s BUILD=$(BUILD)/asan \
		EXTRA='-fsanitize=address,undefined -fno-sanitize-recover=all' all tests
	@BUILD=$(BUILD)/asan PYTHON=$(PYTHON) tests/run --asan tests/testlist

SECONDS ?= 60
.PHONY: fuzz fuzz-targets
fuzz: $(BUILD)/.deps-fuzz ## each fuzz target for SECONDS (60); findings in build/fuzz/findings
	@+$(MAKE) --no-print-directory -s all
	@+OMPI_CC=clang MPICH_CC=clang $(MAKE) --no-print-directory -s BUILD=$(BUILD)/fuzz REPLAY= \
		CFLAGS='-O1 -g' WARN='-Wall -Wno-unknown-pragmas' LDFLAGS=-fsanitize=fuzzer EXTRA='-fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover=all' \
		fuzz-targets
	@BUILD=$(BUILD) PYTHON=$(PYTHON) tests/fuzz/run $(SECONDS)

fuzz-targets: $(FUZZ_TARGETS)

.PHONY: coverage
coverage: $(BUILD)/.deps-coverage ## the tests, and which share of the lines they run
	@+$(MAKE) --no-print-directory -s BUILD=$(BUILD)/coverage EXTRA=--coverage all tests
	@BUILD=$(BUILD)/coverage PYTHON=$(PYTHON) tests/run tests/testlist; code=$$?; \
	gcovr --root . --filter '(core|worker|driver)/' --exclude-throw-branches --sort-percentage \
		$(BUILD)/coverage && exit $$code

.PHONY: install
install: all ## installs under $(DESTDIR)$(PREFIX)
	install -D -m 755 $(CAMRANK) $(DESTDIR)$(PREFIX)/bin/camrank

.PHONY: uninstall
uninstall: ## removes what install put there
	rm -f $(DESTDIR)$(PREFIX)/bin/camrank

.PHONY: clean
clean: ## removes build/
	rm -rf $(BUILD)

.PHONY: help
help: ## this list
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  \1\t\2/p' $(MAKEFILE_LIST) | expand -t 14

-include $(shell find $(BUILD) -name '*.d' -not -path '$(BUILD)/*/*/.*' 2>/dev/null)
