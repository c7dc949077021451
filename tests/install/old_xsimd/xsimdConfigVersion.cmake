# SPDX-License-Identifier: MIT
# The version of the xsimd that stands in for a too old one.
set(PACKAGE_VERSION 8.1.0)
