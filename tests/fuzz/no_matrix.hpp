// SPDX-License-Identifier: MIT
// no_matrix: why a tensor that a reader has checked may still be no matrix of floats.
#pragma once

#include <lowbit/core/error.hpp>
#include <lowbit/io/dtype.hpp>

namespace lowbit_test {

/// Types and sizes that the reader does not turn into floats, and doubles that are too large for them.
inline bool may_be_no_matrix(lowbit::errc code, lowbit::io::dtype type) {
    return code == lowbit::errc::unsupported || code == lowbit::errc::limit_exceeded ||
           (code == lowbit::errc::scale_range && type == lowbit::io::dtype::f64);
}

} // namespace lowbit_test
