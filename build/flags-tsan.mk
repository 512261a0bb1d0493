# SPDX-License-Identifier: Apache-2.0
# Data races: build/tap-run makes the first one end the program.
OPTIMISE := -O1
SANITIZE := -fsanitize=thread -fno-omit-frame-pointer -DSMART_DEBUG
