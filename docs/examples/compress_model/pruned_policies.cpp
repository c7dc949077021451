// SPDX-License-Identifier: MIT
// The policies that prune, one line each.
#include "named.hpp"

namespace demo {
namespace {

template <class Mask>
using pruned = lb::prune<Mask, lb::by_wanda>; // by magnitude where no norms are given

} // namespace

std::vector<named_policy> pruned_policies() {
    return {
        named<lb::int8, lb::per_channel, pruned<lb::n_of_m<2, 4>>>("int8-2:4", "8 bits, two of each four weights dropped"),
        named<lb::int4, lb::per_group<64>, pruned<lb::n_of_m<2, 4>>>("int4-g64-2:4", "4 bits, two of each four weights dropped"),
        named<lb::int8, lb::per_channel, pruned<lb::unstructured<50>>>("int8-50%", "8 bits, half of each row dropped"),
        named<lb::int8, lb::per_channel, pruned<lb::block_sparse<1, 16, 75>>>(
            "int8-75%-1x16", "8 bits, three quarters of each row dropped, in runs of 16 weights"),
        named<lb::int8, lb::per_channel, pruned<lb::unstructured<90>>>("int8-90%", "8 bits, nine tenths of each row dropped"),
    };
}

} // namespace demo
