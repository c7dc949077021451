# SPDX-License-Identifier: MIT
# Stands in for an xsimd that is too old; its version stands in the file beside this one.
