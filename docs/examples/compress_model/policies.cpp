// SPDX-License-Identifier: MIT
// The list, and what is chosen from it.
#include "policies.hpp"

#include <algorithm>

namespace demo {

std::vector<named_policy> policies(const std::vector<std::string>& names) {
    std::vector<named_policy> list = dense_policies();
    for (const named_policy& p : pruned_policies()) list.push_back(p);
    if (!names.empty()) {
        std::erase_if(list, [&](const named_policy& p) { return std::find(names.begin(), names.end(), p.name) == names.end(); });
    }
    return list;
}

} // namespace demo
