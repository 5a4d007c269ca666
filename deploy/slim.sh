#!/bin/sh
# Deletes from the installed packages what no container of Convoy needs. It must run in the layer that
# installs them: a later layer hides a file, and keeps its bytes.
set -eu
cd "$(python -c 'import sysconfig; print(sysconfig.get_path("purelib"))')"
# It makes kernels for torch.compile, by a C compiler that the image does not have.
if [ -d triton ]; then
    pip uninstall --quiet --yes --root-user-action=ignore triton
fi
# Tests, headers, static libraries, types, and the sources of scripts of pages.
find . -depth -type d \( -name tests -o -name test -o -name include \) -exec rm -r {} +
find . -type f \( -name '*.a' -o -name '*.bc' -o -name '*.pxd' -o -name '*.pyi' -o -name '*.map' \) -delete
# Ray's Java workers and reinforcement learning, ONNX Runtime for programs in C, CUDA's solvers over
# several GPUs, and a compiler of protocol buffers.
rm -rf ray/jars ray/rllib onnxruntime/capi/libonnxruntime.so* nvidia/*/lib/libcusolverMg.* torch/bin/protoc*
