# SPDX-License-Identifier: Apache-2.0
# What libFuzzer needs to see, with memory errors and undefined behaviour:
# clang only. The first finding ends the program.
OPTIMISE := -O1
SANITIZE := -fsanitize=fuzzer-no-link,address,undefined \
    -fno-sanitize-recover=all -fno-omit-frame-pointer -DSMART_DEBUG
