// SPDX-License-Identifier: MIT
// Generated digits: a stroke font of our own, drawn with a shaky hand.
#pragma once

#include "dataset.hpp"

#include <cstdint>

namespace demo {

/// `samples` pictures of random digits, every one with its own shift, size, slant, turn, stroke width, shaky control points,
/// ink and noise. The same seed gives the same pictures.
dataset generated_digits(Eigen::Index samples, std::uint64_t seed);

} // namespace demo
