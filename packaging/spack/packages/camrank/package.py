# Spack's recipe: it builds the checkout that it lies in.
#   spack repo add packaging/spack && spack install camrank
import os

from spack.package import *


class Camrank(MakefilePackage):
    """Where classification networks look, and how well that localizes objects, over whole image sets."""

    git = "file://" + os.path.realpath(os.path.join(os.path.dirname(__file__), *[os.pardir] * 4))
    license("Apache-2.0")
    version("main", branch="main")

    depends_on("c", type="build")
    depends_on("pkgconfig", type="build")
    depends_on("onnx", type="build")
    depends_on("mpi")
    depends_on("hdf5+mpi")
    depends_on("blas")
    depends_on("openblas")
    depends_on("libcsv")
    depends_on("libcyaml")
    depends_on("libyaml")
    depends_on("protobuf-c")
    depends_on("libjpeg-turbo")
    depends_on("libpng")
    depends_on("cairo+png+pdf+svg+ft+fc")
    depends_on("jansson")
    depends_on("openssl")
    depends_on("libxml2")
    depends_on("libarchive")
    depends_on("zlib-api")

    def build(self, spec, prefix):
        make("all", "CC=" + spec["mpi"].mpicc)

    def install(self, spec, prefix):
        make("install", "CC=" + spec["mpi"].mpicc, "PREFIX=" + prefix)
