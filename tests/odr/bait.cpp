// SPDX-License-Identifier: MIT
// What the library must not do, as the function PRODUCT: one name, two bodies; and one name that calls what each object has for
// itself. The tests of this folder must see both.
double PRODUCT();

template <class T>
__attribute__((noinline)) T sum_of_squares(const T* x) {
    T sum = 0;
    for (int i = 0; i < 8; ++i) sum += x[i] * x[i];
    return sum;
}

#if defined(__AVX__)
struct flags_of_avx;
using flags = flags_of_avx;
#else
struct no_flags;
using flags = no_flags;
#endif

template <class Here>
__attribute__((noinline)) double half(float x) {
    return static_cast<double>(x) * 0.5;
}
__attribute__((noinline)) inline double half_of_either(float x) { return half<flags>(x); }

double PRODUCT() {
    const float x[8] = {1, 2, 3, 4, 5, 6, 7, 8};
    return static_cast<double>(sum_of_squares(x)) + half_of_either(x[0]);
}
