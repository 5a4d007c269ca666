#!/bin/sh
# Deletes the parts of installed packages that no container of Convoy needs. Run it in the layer that
# installs them: a later layer would hide the files but keep their bytes.
set -eu
cd "$(python -c 'import sysconfig; print(sysconfig.get_path("purelib"))')"
# Triton makes kernels for torch.compile, but needs a C compiler, which the image lacks.
if [ -d triton ]; then
    pip uninstall --quiet --yes --root-user-action=ignore triton
fi
# Tests, headers, static libraries, type stubs, and the source maps of web pages.
find . -depth -type d \( -name tests -o -name test -o -name include \) -exec rm -r {} +
find . -type f \( -name '*.a' -o -name '*.bc' -o -name '*.pxd' -o -name '*.pyi' -o -name '*.map' \) -delete
# Ray's Java workers and reinforcement learning, ONNX Runtime's C library, CUDA's multi-GPU solvers,
# and the protocol buffer compiler.
rm -rf ray/jars ray/rllib onnxruntime/capi/libonnxruntime.so* nvidia/*/lib/libcusolverMg.* torch/bin/protoc*
