# camrank: `make help` prints what follows, and the targets.
#
#   BUILD                    where objects and programs go (build)
#   CC                       the MPI compiler (mpicc); with mpicc.mpich or another in a BUILD of its own
#   MPIRUN                   its launcher, for demo (mpirun)
#   CFLAGS, EXTRA            compiler flags (-O2 -g), and further ones of compiler and linker
#   CPPFLAGS, LDFLAGS        -I and -L of libraries that lie in folders of their own
#   HDF5_CFLAGS, HDF5_LIBS   parallel HDF5 of the same MPI (from its .pc file, or else h5pcc)
#   ONNX_PROTO_DIR           the folder of onnx/onnx.proto (looked for)
#   PYTHON                   for the tests (/usr/bin/python3)
#   LINT_BUILD               what lint builds with warnings as errors (BUILD/lint)
#   PREFIX, DESTDIR          where install puts camrank (/usr/local, empty)
#
# docs/building.md tells more.

# make predefines CC, so `?=` would never take effect.
ifeq ($(origin CC),default)
CC := mpicc
endif
BUILD ?= build
# Dependencies are of objects by one name, however the folder is given.
override BUILD := $(patsubst $(CURDIR)/%,%,$(BUILD))
PREFIX ?= /usr/local
PYTHON ?= /usr/bin/python3
MPIRUN ?= mpirun
EXTRA ?=

PACKAGES := openblas libcyaml yaml-0.1 libprotobuf-c libpng cairo jansson libcrypto \
	libxml-2.0 libarchive zlib
# What a command says is asked once, when it is first needed: after what is missing was installed.
once = $(eval $1 := $$(shell $2))$($1)
HDF5_CFLAGS ?= $(call once,HDF5_CFLAGS,CC='$(CC)' .ci/find hdf5-cflags)
HDF5_LIBS ?= $(call once,HDF5_LIBS,CC='$(CC)' .ci/find hdf5-libs)

WARN := -Wall -Wextra -Wshadow -Wconversion -Wstrict-prototypes -Wvla
CFLAGS ?= -O2 -g
override CPPFLAGS += -Iinclude -I. -I$(BUILD)/gen -D_GNU_SOURCE
PACKAGE_CFLAGS = $(call once,PACKAGE_CFLAGS,pkg-config --cflags $(PACKAGES))
ALL_CFLAGS = -std=c11 -fPIC $(CFLAGS) $(WARN) $(CPPFLAGS) $(EXTRA) $(HDF5_CFLAGS) $(PACKAGE_CFLAGS)
# OpenBLAS is loaded when it is needed (core/kernels/blas.c): everything else is linked.
LINKED := $(filter-out openblas,$(PACKAGES))
LIBS = $(HDF5_LIBS) $(shell pkg-config --libs $(LINKED)) -lcsv -ljpeg -lm -ldl -pthread
OPENBLAS_DIRS = $(call once,OPENBLAS_DIRS,pkg-config --libs-only-L openblas)
override LDFLAGS += $(OPENBLAS_DIRS:-L%=-Wl,-rpath,%)

# What needs neither MPI nor HDF5, and what does.
SERIAL := base geometry image plot data kernels nn passes method loc stat metric report compare
SERIAL_SRC := $(sort $(wildcard $(SERIAL:%=core/%/*.c)))
CORE_SRC := $(sort $(wildcard core/*/*.c))
MAIN_SRC := $(sort $(wildcard worker/*.c driver/*.c driver/*/*.c))
UNIT_SRC := $(filter-out tests/unit/test_gradients.c,$(sort $(wildcard tests/unit/test_*.c)))
MPI_SRC := $(sort $(wildcard tests/mpi/test_*.c))
# Programs that tests and benches of scaling start.
SCALE_SRC := $(sort $(wildcard tests/scale/*.c))

object = $(patsubst %.c,$(BUILD)/%.o,$(1))
# Of each format of models what protoc-c makes of its description.
PROTO_SRC := $(BUILD)/gen/onnx/onnx.pb-c.c $(BUILD)/gen/caffe.pb-c.c
PROTO_OBJ := $(PROTO_SRC:.c=.o)
SERIAL_LIB := $(BUILD)/libcamrank-serial.a
CORE_LIB := $(BUILD)/libcamrank-core.a
CAMRANK := $(BUILD)/camrank
# Python tests call the serial modules through this library, and know the structs from this object.
JUDGED_LIB := $(BUILD)/tests/libcamrank-serial.so
STRUCTS := $(BUILD)/tests/judge/structs.o
JUDGED := $(JUDGED_LIB) $(STRUCTS)
FUZZ_SRC := $(sort $(wildcard tests/fuzz/fuzz_*.c))
FUZZ_TARGETS := $(FUZZ_SRC:tests/%.c=$(BUILD)/tests/%)
TESTS := $(JUDGED) $(UNIT_SRC:tests/%.c=$(BUILD)/tests/%) \
	$(MPI_SRC:tests/%.c=$(BUILD)/tests/%) $(FUZZ_TARGETS) \
	$(SCALE_SRC:tests/%.c=$(BUILD)/tests/%)

.PHONY: all
all: $(CAMRANK) ## builds build/camrank

# Goals that run something install what is missing first. Those that only build name it: whatever is
# compiled waits for the generated headers, and these for the check. Either is done once a BUILD.
$(BUILD)/.deps-%: .ci/deps .ci/find
	@CC='$(CC)' MPIRUN='$(MPIRUN)' .ci/deps $*
	@mkdir -p $(@D) && touch $@

$(BUILD)/.deps-build: .ci/deps .ci/find
	@CC='$(CC)' .ci/deps --check build
	@mkdir -p $(@D) && touch $@

.PHONY: demo
demo: $(BUILD)/.deps-demo ## installs what is missing, builds, runs the sample over 2 ranks
	@+$(MAKE) --no-print-directory -s all
	@MPIRUN='$(MPIRUN)' .ci/demo $(CAMRANK) $(BUILD)

.PHONY: demo-methods
demo-methods: all ## what every method scores on the sample, into docs/methods.md; takes minutes
	@$(PYTHON) jobs/demo/methods.py --write docs/methods.md $(CAMRANK)

.PHONY: demo-metrics
demo-metrics: all ## all methods by all metrics on the sample, into docs/metrics.md; takes longer
	@$(PYTHON) jobs/demo/metrics.py --write docs/metrics.md $(CAMRANK)

.PHONY: test
test: $(BUILD)/.deps-test ## installs what is missing, builds, runs every test
	@+$(MAKE) --no-print-directory -s all tests
	@BUILD=$(BUILD) PYTHON=$(PYTHON) tests/run tests/testlist

.PHONY: test-long
test-long: $(BUILD)/.deps-test ## the tests, and those that take long
	@CC=mpicc.mpich MPIRUN=mpiexec.mpich .ci/deps demo || echo "cli/mpich.sh will be skipped"
	@+$(MAKE) --no-print-directory -s all tests
	@BUILD=$(BUILD) PYTHON=$(PYTHON) CAMRANK_TEST_LONG=1 tests/run tests/testlist

.PHONY: zoo
zoo: $(BUILD)/.deps-test ## all networks of docs/zoo.md against PyTorch, and into it; takes long
	@+$(MAKE) --no-print-directory -s $(JUDGED)
	@BUILD=$(BUILD) $(PYTHON) tests/judge/zoo.py --table docs/zoo.md all

.PHONY: bench-scaling
bench-scaling: $(BUILD)/.deps-test ## two ranks against one, the pipeline against the network; needs CAMRANK_KIT
	@+$(MAKE) --no-print-directory -s all $(SCALE_SRC:tests/%.c=$(BUILD)/tests/%)
	@. tests/mpi.env; BUILD=$(BUILD) $(PYTHON) tests/scale/bench.py
	@. tests/mpi.env; for n in 2 8 32; do \
		mpirun -q --mca btl tcp,self -n $$n $(BUILD)/tests/scale/messages; done

.PHONY: bench-whole
bench-whole: $(BUILD)/.deps-test ## 50,000 JPEGs, ResNet-50, five methods, two ranks; needs CAMRANK_KIT, 7 GB and half an hour
	@+$(MAKE) --no-print-directory -s all $(BUILD)/tests/scale/unit
	@. tests/mpi.env; BUILD=$(BUILD) $(PYTHON) tests/scale/whole.py $(ARGS)

.PHONY: scaling
scaling: ## simulates runs over 10 to 10,000 ranks, into docs/scaling.md; needs matplotlib
	@$(PYTHON) tests/scale/scaling.py docs

.PHONY: tests double-tests tiles-tests
tests: $(TESTS) double-tests tiles-tests

.PHONY: deps
deps: ## installs or names what is missing, for building and for the tests
	@CC='$(CC)' .ci/deps test && echo "everything camrank needs is here"

$(BUILD)/gen/onnx/onnx.pb-c.c: | $(BUILD)/.deps-build
	@mkdir -p $(BUILD)/gen
	protoc-c --proto_path=$$(.ci/find onnx-proto-dir) --c_out=$(BUILD)/gen onnx/onnx.proto

$(BUILD)/gen/caffe.pb-c.c: core/nn/caffe.proto | $(BUILD)/.deps-build
	@mkdir -p $(BUILD)/gen
	protoc-c --proto_path=core/nn --c_out=$(BUILD)/gen caffe.proto

$(PROTO_OBJ): %.o: %.c
	$(CC) -std=c11 -fPIC $(CFLAGS) $(EXTRA) -I$(BUILD)/gen -c $< -o $@

# The name that a program linked with OpenBLAS asks the loader for.
$(BUILD)/gen/openblas.h: | $(BUILD)/.deps-build
	@mkdir -p $(@D)
	@$(CC) -shared -Wl,--no-as-needed -o $@.so $$(pkg-config --libs openblas)
	@readelf -d $@.so | sed -n 's/.*NEEDED.*\[\(libopenblas[^]]*\)\].*/#define CR_OPENBLAS "\1"/p' >$@.new
	@rm $@.so; [ -s $@.new ] || { echo "openblas.pc names no shared libopenblas"; exit 1; }
	@mv $@.new $@

# Style and script of the page, as strings.
$(BUILD)/gen/page.h: core/report/page.css core/report/page.js
	@mkdir -p $(@D)
	@for file in $^; do \
		printf 'static const char %s[] =\n' $$(basename $$file | tr . _); \
		sed 's/\\/\\\\/g; s/"/\\"/g; s/^ */"/; s/$$/\\n"/' $$file; echo ';'; \
	done >$@

# Everything may include the generated headers, so they are made before anything is compiled.
$(BUILD)/%.o: %.c | $(PROTO_SRC) $(BUILD)/gen/openblas.h $(BUILD)/gen/page.h
	@mkdir -p $(@D)
	$(CC) $(ALL_CFLAGS) -MMD -MP -c $< -o $@

$(SERIAL_LIB): $(call object,$(SERIAL_SRC)) $(PROTO_OBJ)
	@rm -f $@
	$(AR) rcs $@ $^

$(CORE_LIB): $(call object,$(CORE_SRC)) $(PROTO_OBJ)
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

# It is for its debugging information, with what nothing in it uses.
$(STRUCTS): private override EXTRA += -gdwarf-4 -fno-eliminate-unused-debug-types -fno-lto

$(BUILD)/tests/mpi/test_%: $(BUILD)/tests/mpi/test_%.o $(BUILD)/tests/mpi/harness.o \
		$(filter-out $(BUILD)/driver/main.o,$(call object,$(MAIN_SRC))) $(CORE_LIB)
	$(CC) $(CFLAGS) $(EXTRA) $(LDFLAGS) $^ $(LIBS) -o $@

$(BUILD)/tests/scale/%: $(BUILD)/tests/scale/%.o \
		$(filter-out $(BUILD)/driver/main.o,$(call object,$(MAIN_SRC))) $(CORE_LIB)
	$(CC) $(CFLAGS) $(EXTRA) $(LDFLAGS) $^ $(LIBS) -o $@

# A fuzz target reads files that are given to it, or, linked with libFuzzer, invents them.
FUZZER ?=
$(BUILD)/tests/fuzz/fuzz_%: $(BUILD)/tests/fuzz/fuzz_%.o $(BUILD)/tests/fuzz/fuzz.o \
		$(if $(FUZZER),,$(BUILD)/tests/fuzz/replay.o) \
		$(filter-out $(BUILD)/driver/main.o,$(call object,$(MAIN_SRC))) $(CORE_LIB)
	$(CC) $(CFLAGS) $(EXTRA) $(LDFLAGS) $(FUZZER) $^ $(LIBS) -o $@

$(BUILD)/tests/unit/test_ahead: $(BUILD)/worker/ahead.o
$(addprefix $(BUILD)/tests/unit/test_,ahead data data_layouts hostile): $(BUILD)/tests/unit/scratch.o
$(addprefix $(BUILD)/tests/unit/test_,curvature damage external fold head nn onnx operator segments): $(BUILD)/tests/unit/onnx_builder.o

# The network engine once more in double precision, to check gradients by finite differences.
DOUBLE_SRC := $(sort $(wildcard core/base/*.c core/kernels/*.c core/nn/*.c))
DOUBLE_OBJ := $(DOUBLE_SRC:%.c=$(BUILD)/double/%.o) $(PROTO_OBJ)
DOUBLE_LIB := $(BUILD)/double/tests/libcamrank-serial.so
DOUBLE_TESTS := $(DOUBLE_LIB) $(BUILD)/double/tests/unit/test_gradients
DOUBLE_PACKAGES := libprotobuf-c libcrypto

double-tests: $(DOUBLE_TESTS)

$(BUILD)/double/%.o: %.c | $(PROTO_SRC) $(BUILD)/gen/openblas.h
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

# The serial modules with AMX's tiles in software, in what knows of tiles.
TILES_OBJ := $(BUILD)/tiles/core/kernels/isa.o $(BUILD)/tiles/core/kernels/pairs_amx.o
TILES_LIB := $(BUILD)/tiles/tests/libcamrank-serial.so
TILES_TESTS := $(TILES_LIB) $(BUILD)/tiles/tests/unit/test_kernels

tiles-tests: $(TILES_TESTS)

$(BUILD)/tiles/%.o: %.c
	@mkdir -p $(@D)
	$(CC) $(ALL_CFLAGS) -include tests/tiles/software.h -MMD -MP -c $< -o $@

# What is linked first is not taken from the archive.
$(BUILD)/tiles/tests/unit/test_kernels: $(BUILD)/tests/unit/test_kernels.o $(TILES_OBJ) $(SERIAL_LIB)
	@mkdir -p $(@D)
	cc $(CFLAGS) $(EXTRA) $(LDFLAGS) $(filter %.o,$^) $(filter %.a,$^) \
		$(shell pkg-config --libs $(LINKED) cmocka) -lcsv -ljpeg -lm -ldl -pthread -o $@

$(TILES_LIB): $(filter-out $(TILES_OBJ:$(BUILD)/tiles/%=$(BUILD)/%),$(call object,$(SERIAL_SRC))) \
		$(TILES_OBJ) $(PROTO_OBJ)
	@mkdir -p $(@D)
	cc -shared $(CFLAGS) $(EXTRA) $(LDFLAGS) $^ \
		$(shell pkg-config --libs $(LINKED)) -lcsv -ljpeg -lm -ldl -o $@

FMA_PEAK := $(BUILD)/tests/libfma-peak.so
$(FMA_PEAK): tests/judge/fma_peak.c
	@mkdir -p $(@D)
	cc -std=c11 -shared -fPIC $(CFLAGS) $(WARN) -D_GNU_SOURCE $< -o $@

# Its install script would fetch CUDA.
PEERS := $(BUILD)/peers/node_modules
$(PEERS): tests/peers/package.json
	@mkdir -p $(@D) && cp $< $(@D)
	@cd $(@D) && npm install --ignore-scripts --no-audit --no-fund --silent && touch node_modules

.PHONY: precision
precision: $(BUILD)/.deps-test ## what bfloat16 costs, for docs/precision.md; the kit's networks need CAMRANK_KIT
	@+$(MAKE) --no-print-directory -s all
	@. tests/mpi.env && CAMRANK=$(CAMRANK) $(PYTHON) tests/judge/precision.py

.PHONY: bench
bench: $(BUILD)/.deps-test ## speed beside PyTorch's, into docs/performance.md, and OpenCV's; camrank compare's; takes long
	@+$(MAKE) --no-print-directory -s all $(JUDGED) $(FMA_PEAK)
	@BUILD=$(BUILD) $(PYTHON) tests/judge/bench.py --table docs/performance.md
	@BUILD=$(BUILD) $(PYTHON) tests/judge/bench_methods.py --append docs/performance.md
	@BUILD=$(BUILD) $(PYTHON) tests/judge/bench_passes.py --append docs/performance.md
	@+$(MAKE) --no-print-directory -s $(PEERS)
	@BUILD=$(BUILD) $(PYTHON) tests/judge/bench_peers.py --append docs/performance.md
	@BUILD=$(BUILD) $(PYTHON) tests/judge/bench_loc.py
	@BUILD=$(BUILD) $(PYTHON) tests/judge/bench_metrics.py
	@CAMRANK=$(CAMRANK) $(PYTHON) tests/judge/bench_compare.py

.PHONY: bench-count
bench-count: $(BUILD)/.deps-bench ## instructions of a small job by room, against those recorded
	@+$(MAKE) --no-print-directory -s all
	@. tests/mpi.env && CAMRANK=$(CAMRANK) $(PYTHON) tests/judge/bench_count.py $(ARGS)

FORMATTED = $(shell git ls-files 'include/**.h' 'core/**.[ch]' 'worker/*.[ch]' 'driver/**.[ch]' \
	'tests/**.[ch]')

.PHONY: lint
LINT_BUILD ?= $(BUILD)/lint
lint: ## warnings as errors, layout, cppcheck
	@clang-format --dry-run -Werror $(FORMATTED)
	@+$(MAKE) --no-print-directory -s BUILD=$(LINT_BUILD) EXTRA=-Werror all tests
	@cppcheck --quiet -j $(shell nproc) --std=c11 --error-exitcode=1 --inline-suppr -Iinclude \
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
	@+OMPI_CC=clang MPICH_CC=clang $(MAKE) --no-print-directory -s BUILD=$(BUILD)/fuzz FUZZER=-fsanitize=fuzzer \
		CFLAGS='-O1 -g' WARN='-Wall -Wno-unknown-pragmas' EXTRA='-fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover=all' \
		fuzz-targets
	@BUILD=$(BUILD) PYTHON=$(PYTHON) tests/fuzz/run $(SECONDS)

fuzz-targets: $(FUZZ_TARGETS)

.PHONY: coverage
coverage: $(BUILD)/.deps-coverage ## the tests, and which share of the lines they run
	@+$(MAKE) --no-print-directory -s BUILD=$(BUILD)/coverage EXTRA=--coverage all tests
	@BUILD=$(BUILD)/coverage PYTHON=$(PYTHON) tests/run tests/testlist; code=$$?; \
	gcovr --root . --filter '(core|worker|driver)/' --exclude-throw-branches --sort-percentage \
		$(BUILD)/coverage && exit $$code

at = $(DESTDIR)$(PREFIX)

.PHONY: install
install: all ## installs under $(DESTDIR)$(PREFIX)
	install -D -m 755 $(CAMRANK) $(at)/bin/camrank
	packaging/man $(CAMRANK) $(at)/share/man/man1
	install -D -m 644 packaging/camrank.bash $(at)/share/bash-completion/completions/camrank
	install -D -m 644 packaging/camrank.zsh $(at)/share/zsh/site-functions/_camrank
	install -D -m 644 -t $(at)/share/camrank/python python/camrank.py
	install -D -m 644 -t $(at)/share/camrank/jobs jobs/*.yaml
	install -D -m 644 -t $(at)/share/camrank/slurm slurm/*.sbatch
	install -D -m 644 -t $(at)/share/doc/camrank README.md
	install -D -m 644 -t $(at)/share/doc/camrank/docs docs/*.*

.PHONY: uninstall
uninstall: ## removes what install put there
	rm -f $(at)/bin/camrank $(at)/share/man/man1/camrank.1 $(at)/share/man/man1/camrank-*.1 \
		$(at)/share/bash-completion/completions/camrank $(at)/share/zsh/site-functions/_camrank
	rm -rf $(at)/share/camrank $(at)/share/doc/camrank

.PHONY: clean
clean: ## removes build/
	rm -rf $(BUILD)

.PHONY: help
help: ## this list
	@sed -n '1d; /^#/!q; s/^# \{0,1\}//p' $(firstword $(MAKEFILE_LIST))
	@echo
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  \1\t\2/p' $(MAKEFILE_LIST) | expand -t 17

-include $(shell find $(BUILD) -name '*.d' -not -path '$(BUILD)/*/*/.*' 2>/dev/null)
