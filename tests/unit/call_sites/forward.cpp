// SPDX-License-Identifier: MIT
// fwd.hpp, included before all else: what it declares is what the library then defines, and is enough for a header.
#include <lowbit/fwd.hpp>

namespace an_engine {

template <lowbit::any_policy P>
class layer {
public:
    explicit layer(const lowbit::quantized_matrix<P>& weights);
    void run(lowbit::matrix_view<const float> x, lowbit::matrix_view<float> y) const;
    void run(lowbit::batch_view<lowbit::transposed_view<float>>* x, const lowbit::epilogue_t<>& e) const;

private:
    const lowbit::quantized_matrix<P>* weights_;
};

lowbit::errc code_of(const lowbit::error& e);
bool matters(const lowbit::exception& e, const lowbit::side_input& side, lowbit::isa::level level,
             lowbit::isa::scoped_level* scope);
template <class P>
void take(lowbit::packed_matrix<P>* packed, lowbit::quantized_view<P>* view, lowbit::matrix<float>* matrix);
bool is_named(const lowbit::any_matrix& m);

} // namespace an_engine

#include <doctest/doctest.h>

#include <lowbit/lowbit.hpp>

namespace lb = lowbit;

namespace an_engine {

template <lowbit::any_policy P>
layer<P>::layer(const lowbit::quantized_matrix<P>& weights) : weights_(&weights) {}
template <lowbit::any_policy P>
void layer<P>::run(lowbit::matrix_view<const float> x, lowbit::matrix_view<float> y) const {
    lb::gemm(x, lb::pack(*weights_), y);
}
lowbit::errc code_of(const lowbit::error& e) { return e.code; }
bool is_named(const lowbit::any_matrix& m) { return !m.name().empty(); }

} // namespace an_engine

TEST_CASE("what fwd.hpp declares is what there is") {
    using w8 = lb::presets::w8;
    lb::matrix<float> w(2, 3), x(1, 3), y(1, 2);
    w(1, 2) = x(0, 2) = 1.0f;
    const auto q = lb::quantize<w8>(w);
    an_engine::layer<w8>(q).run(x, y);
    CHECK(y(0, 1) == doctest::Approx(1.0));
    CHECK(an_engine::is_named(q.view()));
    CHECK(an_engine::code_of(lb::error{lb::errc::io, ""}) == lb::errc::io);
}
