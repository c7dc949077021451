// SPDX-License-Identifier: MIT
// The picture: accuracy against size, as SVG.
#pragma once

#include <optional>
#include <string>
#include <vector>

namespace demo {

struct chart_point {
    std::string label;
    double bytes;
    double accuracy;              ///< percent
    std::optional<double> before; ///< the accuracy before it was retrained
};

/// Bytes on a logarithmic axis. Accuracy on an axis that is logarithmic in the error (100 % - accuracy), because what matters
/// lies in its last percent. The first point is the reference: a dashed line runs through it. The points that no other
/// point beats in both respects are joined. What was retrained hangs over a hollow point where it was before.
std::string accuracy_chart(const std::string& title, const std::vector<chart_point>& points);

} // namespace demo
