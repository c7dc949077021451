// SPDX-License-Identifier: MIT
// What the library must not do, as the function PRODUCT: one name, two bodies. The tests of this folder must see it.
double PRODUCT();

template <class T>
__attribute__((noinline)) T sum_of_squares(const T* x) {
    T sum = 0;
    for (int i = 0; i < 8; ++i) sum += x[i] * x[i];
    return sum;
}

double PRODUCT() {
    const float x[8] = {1, 2, 3, 4, 5, 6, 7, 8};
    return static_cast<double>(sum_of_squares(x));
}
