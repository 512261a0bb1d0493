# SPDX-License-Identifier: Apache-2.0
# Memory errors and leaks: the first one ends the program.
OPTIMISE := -O1
SANITIZE := -fsanitize=address -fno-sanitize-recover=all \
    -fno-omit-frame-pointer -DSMART_DEBUG
