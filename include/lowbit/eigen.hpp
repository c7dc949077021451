// SPDX-License-Identifier: MIT
// Eigen objects where lowbit takes views: dense matrices, maps and blocks, row-major or column-major. Opt-in.
#pragma once

#include <cstddef>
#include <type_traits>

#include <Eigen/Core>

#include <lowbit/core/view.hpp>
#include <lowbit/exec/eigen_thread_pool.hpp>

namespace lowbit::inline v0 {

/// Any Eigen object with direct access and an inner stride of 1: row-major ones are read as matrix_view, column-major ones as the
/// transpose of one. Expressions must be evaluated first.
template <class Derived>
    requires std::is_base_of_v<Eigen::DenseBase<Derived>, Derived>
struct view_access<Derived> {
    static_assert((int(Derived::Flags) & Eigen::DirectAccessBit) != 0,
                  "lowbit: an Eigen expression has no memory of its own; call .eval() on it first");
    static constexpr bool is_vector = Derived::IsVectorAtCompileTime != 0;

    template <class Object>
    static LOWBIT_ALWAYS_INLINE auto view(Object& object) {
        using scalar = std::remove_pointer_t<decltype(object.data())>;
        const auto rows = static_cast<std::size_t>(object.rows());
        const auto cols = static_cast<std::size_t>(object.cols());
        const auto outer = static_cast<std::size_t>(object.outerStride());
        if (object.innerStride() != 1)
            raise(errc::invalid_argument, "lowbit: an Eigen object with an inner stride of ", object.innerStride(),
                  "; only 1 is read");
        if constexpr (Derived::IsRowMajor) {
            return matrix_view<scalar>(object.data(), rows, cols, outer);
        } else {
            return transposed(matrix_view<scalar>(object.data(), cols, rows, outer));
        }
    }
};

} // namespace lowbit::inline v0
