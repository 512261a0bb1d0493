# SPDX-License-Identifier: Apache-2.0
# Undefined behaviour: the first case ends the program.
OPTIMISE := -O1
SANITIZE := -fsanitize=undefined -fno-sanitize-recover=all \
    -fno-omit-frame-pointer -DSMART_DEBUG
