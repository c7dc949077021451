// SPDX-License-Identifier: MIT
// The bodies of the row kernels, written once. Included in each level's namespace, inside its region; `Ops`
// is the level's vectors.

template <class Ops>
struct row_body {
    using floats = typename Ops::floats;
    using ints = typename Ops::ints;
    static constexpr std::size_t lanes = Ops::lanes;
    using whole = std::integral_constant<std::size_t, lanes>; ///< the lane count of every vector but a row's last

    // ---- Walking a row ----

    /// Calls f(first element, lane count) for each vector of a row; the count of the last one may be below `lanes`.
    template <class F>
    LOWBIT_ALWAYS_INLINE static constexpr void each(std::size_t n, F&& f) {
        std::size_t i = 0;
        for (; i + lanes <= n; i += lanes) f(i, whole{});
        if constexpr (lanes > 1) {
            if (i < n) f(i, n - i);
        }
    }

    /// `width` partial sums of f(first element, lane count) and their reduction: for 16 the order that row_reader::sum_abs
    /// states. A loop over more of them than registers hold is not unrolled.
    template <std::size_t width, class F>
    LOWBIT_ALWAYS_INLINE static constexpr float sum_of(std::size_t n, F&& f) {
        constexpr std::size_t parts = width / lanes;
        floats part[parts];
        for (floats& sum : part) sum = Ops::splat(0.0f);
        const auto each_part = [&](auto&& add) LOWBIT_INLINE_LAMBDA {
            if constexpr (parts > 8) {
                for (std::size_t p = 0; p < parts; ++p) add(part[p], p * lanes);
            } else {
                [&]<std::size_t... P>(std::index_sequence<P...>)
                    LOWBIT_INLINE_LAMBDA { (add(part[P], P * lanes), ...); }(std::make_index_sequence<parts>{});
            }
        };
        std::size_t i = 0;
        for (; i + width <= n; i += width)
            each_part([&](floats& sum, std::size_t k) LOWBIT_INLINE_LAMBDA { sum = Ops::add(sum, f(i + k, whole{})); });
        each_part([&](floats& sum, std::size_t k) LOWBIT_INLINE_LAMBDA {
            const std::size_t first = i + k;
            if (first + lanes <= n) {
                sum = Ops::add(sum, f(first, whole{}));
            } else if constexpr (lanes > 1) {
                if (first < n) // the lanes past the row add nothing
                    sum = Ops::add(sum, Ops::from_bits(fill(Ops::bits(f(first, n - first)), n - first, Ops::splat(0))));
            }
        });
        for (std::size_t step = parts / 2; step > 0; step /= 2)
            for (std::size_t j = 0; j < step; ++j) part[j] = Ops::add(part[j], part[j + step]);
        return tree(part[0]);
    }
    /// The sum of all lanes, by halves: s[j] += s[j + h] for h = lanes / 2, ... 1.
    LOWBIT_ALWAYS_INLINE static constexpr float tree(floats v) {
        if constexpr (requires { Ops::tree(v); }) {
            return Ops::tree(v);
        } else {
            float sums[lanes];
            Ops::store(sums, v);
            for (std::size_t step = lanes / 2; step > 0; step /= 2)
                for (std::size_t j = 0; j < step; ++j) sums[j] += sums[j + step];
            return sums[0];
        }
    }

    /// Calls f(g, first element, element count) for each group of a row.
    template <class F>
    LOWBIT_ALWAYS_INLINE static constexpr void each_group(std::size_t n, std::size_t length, F&& f) {
        for (std::size_t g = 0, first = 0; first < n; ++g) {
            const std::size_t count = n - first < length ? n - first : length;
            f(g, first, count);
            first += count;
        }
    }

    /// The same, where lengths that formats have come as constants: nothing is counted in groups of a few vectors.
    template <class F>
    LOWBIT_ALWAYS_INLINE static constexpr void each_known_group(std::size_t n, std::size_t length, F&& f) {
        const auto whole_groups = [&](auto known) LOWBIT_INLINE_LAMBDA {
            if (length != known || n % known != 0) return false;
            for (std::size_t g = 0, first = 0; first < n; ++g, first += known) f(g, first, known);
            return true;
        };
        if (whole_groups(std::integral_constant<std::size_t, 32>{}) || whole_groups(std::integral_constant<std::size_t, 16>{}) ||
            whole_groups(std::integral_constant<std::size_t, 8>{}))
            return;
        each_group(n, length, f);
    }

    /// v with `rest` in the lanes past the count.
    template <class Count>
    LOWBIT_ALWAYS_INLINE static constexpr ints fill(ints v, Count count, ints rest) {
        if constexpr (std::is_same_v<Count, whole>) {
            return v;
        } else {
            return Ops::first(count, v, rest);
        }
    }

    /// Asks for the cache lines of `count` elements that are read soon, if they exist: nothing faults here.
    template <class T>
    LOWBIT_ALWAYS_INLINE static constexpr void fetch(const T* x, std::size_t after, std::size_t count) {
        if (std::is_constant_evaluated()) return;
        const auto at = reinterpret_cast<std::uintptr_t>(x) + after * sizeof *x; // perhaps past the end, where no pointer may be
        for (std::size_t line = 0; line < count * sizeof *x; line += 64)
            __builtin_prefetch(reinterpret_cast<const void*>(at + line));
    }

    // ---- Numbers in and out; the lanes past the count read as 0 ----

    template <class T, class Count>
    LOWBIT_ALWAYS_INLINE static constexpr ints read_codes(const T* p, Count count) {
        if constexpr (std::is_same_v<Count, whole>) {
            return Ops::load_codes(p);
        } else {
            return Ops::load_codes(p, count);
        }
    }
    template <class T, class Count>
    LOWBIT_ALWAYS_INLINE static constexpr void write_codes(T* p, ints v, Count count) {
        if constexpr (std::is_same_v<Count, whole>) {
            Ops::store_codes(p, v);
        } else {
            Ops::store_codes(p, v, count);
        }
    }

    /// Writes n codes, code(first element, lane count) for each vector: four at a time, where the level narrows them together.
    /// Such a level has their sum as well, by pairs of 16 bits, which is what `add` gets; returns where the rest of them begins.
    template <class T, class F, class G>
    LOWBIT_ALWAYS_INLINE static constexpr std::size_t write_all(T* p, std::size_t n, F&& code, G&& add) {
        std::size_t i = 0;
        if constexpr (requires(ints v) { Ops::store_codes(p, v, v, v, v); }) {
            for (; i + 4 * lanes <= n; i += 4 * lanes) {
                const ints a = code(i, whole{});
                const ints b = code(i + lanes, whole{});
                const ints c = code(i + 2 * lanes, whole{});
                add(Ops::store_codes(p + i, a, b, c, code(i + 3 * lanes, whole{})));
            }
        }
        each(n - i, [&](std::size_t k, auto count) LOWBIT_INLINE_LAMBDA { write_codes(p + i + k, code(i + k, count), count); });
        return i;
    }
    template <class T, class F>
    LOWBIT_ALWAYS_INLINE static constexpr void write_all(T* p, std::size_t n, F&& code) {
        write_all(p, n, code, [](ints) LOWBIT_INLINE_LAMBDA {});
    }
    /// The same for codes of -127 to 127; returns their sum.
    template <class F>
    LOWBIT_ALWAYS_INLINE static constexpr std::int32_t write_and_sum(std::int8_t* p, std::size_t n, F&& code) {
        std::int32_t sum = 0;
        if constexpr (requires(ints v) { Ops::sum_shorts(v); }) {
            // 16 bits hold 258 codes, and four vectors are two for each of them
            constexpr std::size_t most = 128 * 4 * lanes;
            for (std::size_t first = 0; first < n; first += most) {
                const std::size_t length = n - first < most ? n - first : most;
                ints words = Ops::splat(0);
                const std::size_t rest = write_all(
                    p + first, length, [&](std::size_t i, auto count) LOWBIT_INLINE_LAMBDA { return code(first + i, count); },
                    [&](ints some) LOWBIT_INLINE_LAMBDA { words = Ops::add_shorts(words, some); });
                sum += Ops::sum_shorts(words) + sum_codes(p + first + rest, length - rest);
            }
        } else {
            write_all(p, n, code);
            sum = sum_codes(p, n);
        }
        return sum;
    }

    template <class T, class Count>
    LOWBIT_ALWAYS_INLINE static constexpr floats read(const T* p, Count count) {
        if constexpr (requires { Ops::load(p); }) {
            if constexpr (std::is_same_v<Count, whole>) {
                return Ops::load(p);
            } else {
                return Ops::load(p, count);
            }
        } else if constexpr (std::is_same_v<T, bfloat16>) {
            return Ops::from_bits(Ops::template shl<16>(read_codes(p, count)));
        } else {
            static_assert(std::is_same_v<T, float16>);
            return decode_half(read_codes(p, count));
        }
    }
    template <class T, class Count>
    LOWBIT_ALWAYS_INLINE static constexpr void write(T* p, floats v, Count count) {
        if constexpr (requires { Ops::store(p, v); }) {
            if constexpr (std::is_same_v<Count, whole>) {
                Ops::store(p, v);
            } else {
                Ops::store(p, v, count);
            }
        } else if constexpr (std::is_same_v<T, bfloat16>) {
            write_codes(p, encode_bfloat(Ops::bits(v)), count);
        } else {
            static_assert(std::is_same_v<T, float16>);
            write_codes(p, encode_half(Ops::bits(v)), count);
        }
    }

    static constexpr std::int32_t infinity = 0x7f80'0000;
    static constexpr std::int32_t quiet_nan = 0x7fc0'0000;

    LOWBIT_ALWAYS_INLINE static constexpr ints magnitude(ints bits) { return Ops::bit_and(bits, Ops::splat(0x7fff'ffff)); }

    /// `bits` with its low bits dropped, to nearest even. No carry can leave a magnitude.
    template <int Dropped>
    LOWBIT_ALWAYS_INLINE static constexpr ints drop_bits(ints bits) {
        const ints odd = Ops::bit_and(Ops::template shr<Dropped>(bits), Ops::splat(1));
        return Ops::template shr<Dropped>(Ops::add(bits, Ops::add(odd, Ops::splat((1 << (Dropped - 1)) - 1))));
    }

    LOWBIT_ALWAYS_INLINE static constexpr ints encode_bfloat(ints bits) {
        const ints m = magnitude(bits);
        const ints nan = Ops::bit_or(Ops::template shr<16>(m), Ops::splat(0x0040)); // quiet, payload cut
        const ints code = Ops::if_greater(m, Ops::splat(infinity), nan, drop_bits<16>(m));
        return Ops::bit_or(code, Ops::bit_and(Ops::template shr<16>(bits), Ops::splat(0x8000)));
    }

    LOWBIT_ALWAYS_INLINE static constexpr ints encode_half(ints bits) {
        const ints m = magnitude(bits);
        const ints normal = Ops::min(drop_bits<13>(Ops::add(m, Ops::splat(-(112 << 23)))), Ops::splat(0x7c00));
        // Next to 0.5 the step of a float is that of half's subnormals, so an addition rounds to it.
        const ints anchor = Ops::splat(0x3f00'0000);
        const ints subnormal = Ops::sub(Ops::bits(Ops::add(Ops::from_bits(m), Ops::from_bits(anchor))), anchor);
        const ints nan = Ops::bit_or(Ops::bit_and(Ops::template shr<13>(m), Ops::splat(0x03ff)), Ops::splat(0x7e00));
        const ints finite = Ops::if_greater(Ops::splat(113 << 23), m, subnormal, normal);
        const ints code = Ops::if_greater(m, Ops::splat(infinity), nan, finite);
        return Ops::bit_or(code, Ops::bit_and(Ops::template shr<16>(bits), Ops::splat(0x8000)));
    }

    LOWBIT_ALWAYS_INLINE static constexpr floats decode_half(ints code) {
        const ints m = Ops::bit_and(code, Ops::splat(0x7fff));
        const ints moved = Ops::template shl<13>(m);
        const ints subnormal = Ops::bits(Ops::mul(Ops::to_float(m), Ops::splat(0x1p-24f))); // exact
        const ints normal = Ops::add(moved, Ops::splat(112 << 23));
        const ints infinite = Ops::add(moved, Ops::splat(224 << 23));
        const ints nan = Ops::bit_or(infinite, Ops::splat(quiet_nan));
        const ints finite = Ops::if_greater(Ops::splat(0x0400), m, subnormal, normal);
        const ints value = Ops::if_greater(m, Ops::splat(0x7bff), Ops::if_greater(m, Ops::splat(0x7c00), nan, infinite), finite);
        return Ops::from_bits(Ops::bit_or(value, Ops::template shl<16>(Ops::bit_and(code, Ops::splat(0x8000)))));
    }

    template <class T>
    static constexpr void to_float(const T* x, std::size_t n, float* y) {
        each(n, [&](std::size_t i, auto count) LOWBIT_INLINE_LAMBDA { write(y + i, read(x + i, count), count); });
    }
    template <class T>
    static constexpr void from_float(const float* x, std::size_t n, T* y) {
        each(n, [&](std::size_t i, auto count) LOWBIT_INLINE_LAMBDA { write(y + i, read(x + i, count), count); });
    }

    // ---- Statistics: the largest key of some elements. Keys are integers; NaN is above infinity in all of them ----

    /// The bits of |x|.
    struct magnitudes {
        static constexpr std::int32_t least = 0;
        LOWBIT_ALWAYS_INLINE static constexpr ints key(ints bits) { return magnitude(bits); }
        LOWBIT_ALWAYS_INLINE static constexpr ints bits(ints key) { return key; }
    };
    /// Magnitudes first; the sign, in the lowest bit, is for the negative one of two.
    struct distances {
        static constexpr std::int32_t least = ~0x7fff'ffff;
        LOWBIT_ALWAYS_INLINE static constexpr ints key(ints bits) {
            ints turned;
            if constexpr (requires { Ops::template rotl<1>(bits); }) {
                turned = Ops::template rotl<1>(bits);
            } else {
                turned = Ops::sub(Ops::template shl<1>(bits), Ops::template shr<31>(bits));
            }
            return Ops::bit_xor(turned, Ops::splat(least));
        }
        LOWBIT_ALWAYS_INLINE static constexpr ints bits(ints key) {
            return Ops::bit_or(magnitude(Ops::template shr<1>(Ops::bit_xor(key, Ops::splat(least)))), Ops::template shl<31>(key));
        }
    };
    /// The order of the numbers, and the order turned round.
    struct ascending {
        static constexpr std::int32_t least = ~0x7fff'ffff;
        LOWBIT_ALWAYS_INLINE static constexpr ints key(ints bits) { return ordered(bits); }
        LOWBIT_ALWAYS_INLINE static constexpr ints bits(ints key) { return ordered(key); }
    };
    struct descending {
        static constexpr std::int32_t least = ~0x7fff'ffff;
        LOWBIT_ALWAYS_INLINE static constexpr ints key(ints bits) { return Ops::bit_xor(ordered(bits), Ops::splat(-1)); }
        LOWBIT_ALWAYS_INLINE static constexpr ints bits(ints key) { return ordered(Ops::bit_xor(key, Ops::splat(-1))); }
    };

    /// The largest key of each lane's elements.
    template <class Order, class T>
    LOWBIT_ALWAYS_INLINE static constexpr ints largest_keys(const T* x, std::size_t n) {
        const auto at = [&](std::size_t i, auto count) LOWBIT_INLINE_LAMBDA {
            return fill(Order::key(Ops::bits(read(x + i, count))), count, Ops::splat(Order::least));
        };
        ints most = Ops::splat(Order::least);
        std::size_t i = 0;
        if (n >= 4 * lanes) { // four at a time, so that none waits for the one before
            ints second = most, third = most, fourth = most;
            for (; i + 4 * lanes <= n; i += 4 * lanes) {
                most = Ops::max(most, at(i, whole{}));
                second = Ops::max(second, at(i + lanes, whole{}));
                third = Ops::max(third, at(i + 2 * lanes, whole{}));
                fourth = Ops::max(fourth, at(i + 3 * lanes, whole{}));
            }
            most = Ops::max(Ops::max(most, second), Ops::max(third, fourth));
        }
        each(n - i, [&](std::size_t k, auto count) LOWBIT_INLINE_LAMBDA { most = Ops::max(most, at(i + k, count)); });
        return most;
    }

    template <class T>
    static constexpr float absmax(const T* x, std::size_t n) {
        const std::int32_t bits = Ops::max_of(largest_keys<magnitudes>(x, n));
        return float_of(bits > infinity ? quiet_nan : bits);
    }

    /// The element of the largest key of each group. Returns the largest |x| of these.
    template <class Order>
    static constexpr float largest_of_groups(const float* x, std::size_t n, std::size_t length, float* most) {
        ints all = Ops::splat(0);
        const auto value = [&](ints key) LOWBIT_INLINE_LAMBDA {
            const ints bits = Order::bits(key);
            const ints m = magnitude(bits);
            all = Ops::max(all, m);
            return Ops::from_bits(Ops::if_greater(m, Ops::splat(infinity), Ops::splat(quiet_nan), bits));
        };
        if constexpr (requires(const ints(&v)[lanes]) { Ops::max_of_each(v); }) { // as many groups as lanes
            for (; length <= n / lanes; n -= lanes * length, x += lanes * length, most += lanes) {
                ints keys[lanes];
                LOWBIT_UNROLL for (std::size_t g = 0; g < lanes; ++g) keys[g] = largest_keys<Order>(x + g * length, length);
                Ops::store(most, value(Ops::max_of_each(keys)));
            }
        }
        each_group(n, length, [&](std::size_t g, std::size_t first, std::size_t count) LOWBIT_INLINE_LAMBDA {
            float copies[lanes];
            Ops::store(copies, value(Ops::splat(Ops::max_of(largest_keys<Order>(x + first, count)))));
            most[g] = copies[0];
        });
        const std::int32_t bits = Ops::max_of(all);
        return float_of(bits > infinity ? quiet_nan : bits);
    }
    static constexpr float minmax_groups(const float* x, std::size_t n, std::size_t length, float* lo, float* hi) {
        const float below = largest_of_groups<descending>(x, n, length, lo);
        const float above = largest_of_groups<ascending>(x, n, length, hi);
        return bits_of(below) > bits_of(above) ? below : above; // NaN is above all
    }

    /// Turns float bits into integers of the same order, and back: negative numbers have their magnitude flipped.
    LOWBIT_ALWAYS_INLINE static constexpr ints ordered(ints bits) {
        return Ops::bit_xor(bits, Ops::bit_and(Ops::template shr<31>(bits), Ops::splat(0x7fff'ffff)));
    }

    template <class T>
    static constexpr void minmax(const T* x, std::size_t n, float* lo, float* hi) {
        if (n == 0) {
            *lo = *hi = 0.0f;
            return;
        }
        const ints above = Ops::splat(0x7fff'ffff); // stand in the lanes past the row
        const ints below = Ops::splat(~0x7fff'ffff);
        ints least = above;
        ints most = below;
        each(n, [&](std::size_t i, auto count) LOWBIT_INLINE_LAMBDA {
            const ints key = ordered(Ops::bits(read(x + i, count)));
            least = Ops::min(least, fill(key, count, above));
            most = Ops::max(most, fill(key, count, below));
        });
        const std::int32_t low = Ops::min_of(least);
        const std::int32_t high = Ops::max_of(most);
        const bool nan = high > infinity || low < ~infinity;
        const auto value = [](std::int32_t key) { return float_of(key < 0 ? key ^ 0x7fff'ffff : key); };
        *lo = nan ? float_of(quiet_nan) : value(low);
        *hi = nan ? float_of(quiet_nan) : value(high);
    }

    template <class T>
    static constexpr float sum_abs(const T* x, std::size_t n) {
        return sum_of<16>(n, [&](std::size_t i, auto count)
                                 LOWBIT_INLINE_LAMBDA { return Ops::from_bits(magnitude(Ops::bits(read(x + i, count)))); });
    }

    // ---- Activations to int8 ----

    /// Codes to_code(x) of a row, group by group, and their sums: with `Sums` they are added up as they are written, where groups
    /// are not one run of codes; a loop more to compile, for what is most often called. The next row, which most often follows,
    /// is fetched meanwhile: this is bound by arithmetic, and finding its largest magnitude by reading.
    template <bool Sums = false, class T, class F>
    LOWBIT_ALWAYS_INLINE static constexpr void quantize_with(const T* x, std::size_t n, code_groups groups, std::int8_t* codes,
                                                             std::int32_t* sums, F&& to_code) {
        const bool one_run = groups.length % groups.unit == 0 && groups.length < n;
        const bool sums_here = Sums && sums != nullptr && !one_run;
        std::int8_t* to = codes;
        each_group(n, one_run ? n : groups.length,
                   [&](std::size_t g, std::size_t first, std::size_t length) LOWBIT_INLINE_LAMBDA {
                       // lanes past the row are 0 and have code 0
                       const auto code = [&](std::size_t i, auto count) LOWBIT_INLINE_LAMBDA {
                           fetch(x + first + i, n, lanes);
                           return Ops::to_int(to_code(read(x + first + i, count)));
                       };
                       if (sums_here) {
                           if constexpr (Sums) sums[g] = write_and_sum(to, length, code);
                       } else {
                           write_all(to, length, code);
                       }
                       const std::size_t padded = groups.round_up(length);
                       for (std::size_t i = length; i < padded; ++i) to[i] = 0;
                       to += padded;
                   });
        if (sums == nullptr || sums_here) return;
        if constexpr (requires { Ops::sums_of_32(codes, sums); }) {
            for (; groups.length == 32 && one_run && n >= 512; n -= 512, codes += 512, sums += 16) Ops::sums_of_32(codes, sums);
        }
        each_group(n, groups.length, [&](std::size_t g, std::size_t, std::size_t length) LOWBIT_INLINE_LAMBDA {
            sums[g] = sum_codes(codes, length);
            codes += groups.round_up(length);
        });
    }

    LOWBIT_ALWAYS_INLINE static constexpr std::int32_t sum_codes(const std::int8_t* codes, std::size_t n) {
        std::int32_t sum = 0;
        std::size_t i = 0;
        if constexpr (requires { Ops::sum_codes(codes, n); }) {
            i = n / 32 * 32;
            sum = Ops::sum_codes(codes, i);
        }
        for (; i < n; ++i) sum += codes[i];
        return sum;
    }

    template <class T>
    static constexpr void quantize_nothing(std::size_t n, code_groups groups, std::int8_t* codes, std::int32_t* sums) {
        for (std::size_t i = 0; i < groups.padded(n); ++i) codes[i] = 0;
        if (sums != nullptr)
            for (std::size_t g = 0; g < groups.count(n); ++g) sums[g] = 0;
    }

    template <class T>
    static constexpr float quantize(const T* x, std::size_t n, code_groups groups, std::int8_t* codes, std::int32_t* sums) {
        constexpr float up = 0x1p64f;
        const float amax = absmax(x, n);
        if (amax >= 1 / up && amax < float_of(infinity)) { // |x * inv| < 127.5: nothing to clamp
            const floats inv = Ops::splat(127.0f / amax);
            quantize_with<true>(x, n, groups, codes, sums, [&](floats v) LOWBIT_INLINE_LAMBDA { return Ops::mul(v, inv); });
        } else if (amax > 0 && amax < 1) {
            const floats inv = Ops::splat(127.0f / (amax * up));
            quantize_with(x, n, groups, codes, sums,
                          [&](floats v) LOWBIT_INLINE_LAMBDA { return Ops::mul(Ops::mul(v, Ops::splat(up)), inv); });
        } else {
            quantize_nothing<T>(n, groups, codes, sums);
            return amax == 0 ? 0.0f : float_of(quiet_nan);
        }
        return amax / 127.0f;
    }

    template <class T>
    static constexpr float quantize_at(const T* x, std::size_t n, float scale, code_groups groups, std::int8_t* codes,
                                       std::int32_t* sums) {
        const float amax = absmax(x, n);
        if (!(amax < float_of(infinity))) {
            quantize_nothing<T>(n, groups, codes, sums);
            return float_of(quiet_nan);
        }
        const grid_ends ends{{.lo = -127, .hi = 127}};
        on_grid(
            scale, ends, [&]() LOWBIT_INLINE_LAMBDA { return amax; }, clamped{},
            [&](const auto& at) LOWBIT_INLINE_LAMBDA {
                quantize_with(x, n, groups, codes, sums, [&](floats v) LOWBIT_INLINE_LAMBDA { return at.step(v); });
            });
        return scale;
    }

    template <class T>
    static constexpr void quantize_groups(const T* x, std::size_t n, code_groups groups, std::int8_t* codes, float* scales,
                                          std::int32_t* sums) {
        for (std::size_t g = 0; n > 0; ++g) {
            const std::size_t length = n < groups.length ? n : groups.length;
            scales[g] = quantize(x, length, groups, codes, sums == nullptr ? nullptr : sums + g);
            x += length;
            n -= length;
            codes += groups.round_up(length);
        }
    }

    // ---- Activations to signs ----

    /// The mean of |x|, 0 for an empty row, NaN where an element is not finite.
    template <class T>
    static constexpr float mean_abs(const T* x, std::size_t n) {
        constexpr float up = 0x1p64f;
        const auto sum_times = [&](auto scaled) {
            return sum_of<64>(n, [&](std::size_t i, auto lanes_read) LOWBIT_INLINE_LAMBDA {
                floats v = Ops::from_bits(magnitude(Ops::bits(read(x + i, lanes_read))));
                if constexpr (scaled) {
                    v = Ops::mul(v, Ops::splat(1 / up));
                    Ops::fence(v); // a product that meets an addition
                }
                return v;
            });
        };
        const auto count = static_cast<float>(n);
        if (n == 0) return 0.0f;
        if (const float sum = sum_times(std::false_type{}); sum < float_of(infinity)) return sum / count;
        if (!(absmax(x, n) < float_of(infinity))) return float_of(quiet_nan);
        return sum_times(std::true_type{}) / count * up;
    }

    template <class T>
    static constexpr float binarize(const T* x, std::size_t n, code_groups groups, std::uint32_t* words) {
        const float scale = mean_abs(x, n);
        const bool finite = scale - scale == 0;
        const std::size_t row = n;
        while (n > 0) {
            const std::size_t length = n < groups.length ? n : groups.length;
            const std::size_t padded = groups.round_up(length);
            for (std::size_t k = 0; k < padded; k += 32) {
                fetch(x + k, row, 32); // what most often comes next
                const std::uint32_t word = sign_word(x + k, k + 32 <= length ? 32 : k < length ? length - k : 0);
                words[k / 32] = finite ? word : 0;
            }
            to_parities(words, padded / 32, 1);
            words += padded / 32;
            x += length;
            n -= length;
        }
        return scale;
    }

    /// The signs of the next n elements, at most 32, in the order of kernel::k_of. A level may have a better way for 32 of them,
    /// Ops::negative(vectors), which gives the ones below 0 in that order.
    template <class T>
    LOWBIT_ALWAYS_INLINE static constexpr std::uint32_t sign_word(const T* x, std::size_t n) {
        if constexpr (requires(const ints(&v)[32 / lanes]) { Ops::negative(v); }) {
            if (n == 32) {
                ints all[32 / lanes];
                LOWBIT_UNROLL for (std::size_t i = 0; i < 32 / lanes; ++i) all[i] = Ops::bits(read(x + i * lanes, whole{}));
                return ~Ops::negative(all);
            }
        }
        ints word = Ops::splat(0);
        each(n, [&](std::size_t i, auto count) LOWBIT_INLINE_LAMBDA {
            const ints b = Ops::bits(read(x + i, count));
            const ints bit = Ops::bits(Ops::load(word_bits.bits + i));
            const ints if_zero = Ops::if_greater(Ops::splat(below_zero), b, bit, Ops::splat(0));
            word = Ops::add(word, fill(Ops::if_greater(b, Ops::splat(-1), bit, if_zero), count, Ops::splat(0)));
        });
        return static_cast<std::uint32_t>(Ops::sum(word));
    }

    static constexpr std::int32_t below_zero = -0x7fff'ffff; ///< the negative number next to -0, whose bits are one less
    /// The bit of each k in a word, see kernel::k_of; as floats since those can be loaded.
    struct bits_of_words {
        float bits[32]{};
        constexpr bits_of_words() {
            for (unsigned k = 0; k < 32; ++k) bits[k] = float_of(static_cast<std::int32_t>(1u << (k % 4 * 8 + k / 4)));
        }
    };
    static constexpr bits_of_words word_bits{};

    // ---- Grids of codes ----

    LOWBIT_ALWAYS_INLINE static constexpr floats product(floats a, floats b) { // one that meets an addition
        floats p = Ops::mul(a, b);
        Ops::fence(p);
        return p;
    }

    /// The ends of a grid in steps from zero.
    struct grid_ends {
        floats lo, hi;

        LOWBIT_ALWAYS_INLINE constexpr grid_ends(floats least, floats most) : lo(least), hi(most) {}
        LOWBIT_ALWAYS_INLINE constexpr explicit grid_ends(code_grid g)
            : lo(Ops::splat(static_cast<float>(g.lo - g.zero))), hi(Ops::splat(static_cast<float>(g.hi - g.zero))) {}
    };

    /// How x / scale is found: by division; by the inverse and a correction; the same where no x lies beyond the ends.
    enum class quotient { divided, corrected, inside };

    /// Steps on a grid of a scale.
    template <quotient By>
    struct to_grid {
        floats scale, divisor;
        const grid_ends& ends;

        LOWBIT_ALWAYS_INLINE constexpr to_grid(float s, const grid_ends& e)
            : scale(Ops::splat(s)), divisor(Ops::splat(By != quotient::divided ? 1.0f / s
                                                       : s == 0                ? float_of(infinity)
                                                                               : s)),
              ends(e) {}

        /// x / scale within the grid, not yet rounded: the ends are integers, so clamping first changes nothing.
        LOWBIT_ALWAYS_INLINE constexpr floats step(floats x) const {
            if constexpr (By == quotient::divided) {
                return Ops::clamp(Ops::div(x, divisor), ends.lo, ends.hi);
            } else {
                // By the inverse the quotient is off by two units in the last place at most; what it leaves of x is exact, since
                // the scale has few digits, and so is the rounding of the sum: no quotient by 12 digits is nearer to the middle
                // of two floats than 2^-37 of itself, and the sum errs by 2^-46 of it (Markstein's correction).
                const floats q = Ops::mul(x, divisor);
                const floats exact = Ops::fused(Ops::fused_rest(q, scale, x), divisor, q);
                if constexpr (By == quotient::inside) return exact;
                return Ops::clamp(exact, ends.lo, ends.hi);
            }
        }
    };

    /// Calls f(to_grid) with the type that the scale allows. `reach()` is a bound on |x|, asked for where that can help, and
    /// `end` a float, a bound on the codes, or `clamped`: x may lie beyond the ends.
    struct clamped {};
    template <class Reach, class End, class F>
    LOWBIT_ALWAYS_INLINE static constexpr auto on_grid(float scale, const grid_ends& ends, Reach&& reach, End end, F&& f) {
        if constexpr (requires(floats v) { Ops::fused(v, v, v); }) {
            constexpr std::int32_t tail = 0x0fff; // of 24 digits
            const std::int32_t m = magnitude_of(scale);
            if ((m & tail) == 0 && m >= bits_of(0x1p-64f) && m <= bits_of(0x1p64f)) { // what remains of quotients is normal
                const float most = reach();
                if constexpr (std::is_same_v<End, float>) { // a quarter is left for rounding; NaN is not below
                    if (most < float_of(m) * (end + 0.25f)) return f(to_grid<quotient::inside>{scale, ends});
                }
                if (most < float_of(m) * 0x1p30f) return f(to_grid<quotient::corrected>{scale, ends});
            }
        }
        return f(to_grid<quotient::divided>{scale, ends});
    }
    LOWBIT_ALWAYS_INLINE static constexpr std::int32_t magnitude_of(float x) { return bits_of(x) & 0x7fff'ffff; }

    /// What codes of a table stand for; and the codes of quotients, by halving the places where they may begin.
    template <class T>
    LOWBIT_ALWAYS_INLINE static constexpr ints look_up(const T (&entries)[16], ints index) {
        if constexpr (requires { Ops::look_up(entries, index); }) {
            return Ops::look_up(entries, index);
        } else {
            float lane[lanes];
            Ops::store(lane, Ops::from_bits(index));
            for (float& v : lane) {
                if constexpr (std::is_same_v<T, float>) {
                    v = entries[bits_of(v) & 15];
                } else {
                    v = float_of(entries[bits_of(v) & 15]);
                }
            }
            return Ops::bits(Ops::load(lane));
        }
    }
    LOWBIT_ALWAYS_INLINE static constexpr ints find(const code_table& by, ints quotient) {
        const ints key = ordered(quotient);
        ints place = Ops::splat(0);
        LOWBIT_UNROLL for (std::int32_t half = 8; half > 0; half /= 2) {
            const ints upper = Ops::add(place, Ops::splat(half));
            place = Ops::if_greater(look_up(by.begins, upper), key, place, upper);
        }
        return look_up(by.codes, place);
    }

    /// Whether codes are found with a minimum in between, or with one and by a table: a minimum of 0 changes nothing.
    enum class grid_kind { plain, over_minimum, looked_up };

    template <grid_kind Kind, class Byte>
    LOWBIT_ALWAYS_INLINE static constexpr void encode_as(const float* x, std::size_t n, const code_grids& grids, Byte* codes) {
        constexpr bool plain = Kind == grid_kind::plain;
        constexpr bool by_table = Kind == grid_kind::looked_up;
        grid_ends ends{grids[0]};
        if constexpr (by_table) ends = grid_ends{Ops::splat(float_of(~0x7fff'ffff | infinity)), Ops::splat(float_of(infinity))};
        ints offset = Ops::splat(grids[0].zero + grids.bias);
        const auto end = [&]() LOWBIT_INLINE_LAMBDA { // only symmetric grids are worth asking
            if constexpr (plain) {
                return grids.zeros == nullptr ? static_cast<float>(-grids.lo < grids.hi ? -grids.lo : grids.hi) : -1.0f;
            } else {
                return clamped{};
            }
        }();
        each_group(n, grids.length, [&](std::size_t g, std::size_t first, std::size_t length) LOWBIT_INLINE_LAMBDA {
            const float scale = grids.scales[g];
            const float minimum = plain || grids.minimums == nullptr ? 0.0f : grids.minimums[g];
            const floats base = Ops::splat(minimum);
            const ints sign = Ops::splat(scale == 0.0f ? 0 : ~0x7fff'ffff); // of quotients; by a scale of 0 they are +0
            const ints scale_bits = Ops::splat(bits_of(scale));
            if (grids.zeros != nullptr && !by_table) {
                ends = grid_ends{grids[g]};
                offset = Ops::splat(grids[g].zero + grids.bias);
            }
            const auto reach = [&]() LOWBIT_INLINE_LAMBDA {
                if (grids.reaches != nullptr) return float_of(magnitude_of(grids.reaches[g]));
                const float most = absmax(x + first, length);
                return plain ? most : most + float_of(magnitude_of(minimum));
            };
            on_grid(scale, ends, reach, end, [&](const auto& at) LOWBIT_INLINE_LAMBDA {
                write_all(codes + first, length, [&](std::size_t i, auto count) LOWBIT_INLINE_LAMBDA {
                    fetch(x + first + i, n, lanes); // the next row
                    floats v = read(x + first + i, count);
                    if constexpr (!plain) v = Ops::sub(v, base);
                    const floats step = at.step(v);
                    if constexpr (by_table) { // a quotient that was corrected has lost the sign of 0
                        const ints signs = Ops::bit_and(Ops::bit_xor(Ops::bits(v), scale_bits), sign);
                        return find(*grids.table, Ops::bit_or(magnitude(Ops::bits(step)), signs));
                    } else {
                        return Ops::add(Ops::to_int(step), offset);
                    }
                });
            });
        });
    }

    static constexpr void encode(const float* x, std::size_t n, code_grids grids, std::uint8_t* codes) {
        if (n == 0) return;
        if (grids.table != nullptr) {
            encode_as<grid_kind::looked_up>(x, n, grids, codes);
        } else if (grids.minimums != nullptr) {
            encode_as<grid_kind::over_minimum>(x, n, grids, codes);
        } else {
            encode_as<grid_kind::plain>(x, n, grids, codes);
        }
    }
    static constexpr void requantize(const float* x, std::size_t n, float scale, std::int32_t zero, std::int8_t* y) {
        const code_grid grid{.scale = scale, .zero = zero, .lo = -128, .hi = 127};
        if (n != 0) encode_as<grid_kind::plain>(x, n, grid, y);
    }

    template <bool PastCaches, class Count>
    LOWBIT_ALWAYS_INLINE static constexpr void write_decoded(float* y, floats value, Count count) {
        if constexpr (PastCaches && std::is_same_v<Count, whole>) {
            Ops::store_past_caches(y, value);
        } else {
            write(y, value, count);
        }
    }
    template <grid_kind Kind, bool PastCaches>
    LOWBIT_ALWAYS_INLINE static constexpr void decode_as(const std::uint8_t* codes, std::size_t n, const code_grids& grids,
                                                         float* y) {
        ints offset = Ops::splat(grids[0].zero + grids.bias);
        each_known_group(n, grids.length, [&](std::size_t g, std::size_t first, auto length) LOWBIT_INLINE_LAMBDA {
            if (grids.zeros != nullptr) offset = Ops::splat(grids.zeros[g] + grids.bias);
            const floats scale = Ops::splat(grids.scales[g]);
            const floats minimum = Ops::splat(Kind == grid_kind::plain || grids.minimums == nullptr ? -0.0f : grids.minimums[g]);
            each(length, [&](std::size_t i, auto count) LOWBIT_INLINE_LAMBDA {
                i += first;
                const ints code = read_codes(codes + i, count);
                floats value;
                if constexpr (Kind == grid_kind::looked_up) {
                    value = Ops::from_bits(look_up(grids.table->values, code));
                } else {
                    value = Ops::to_float(Ops::sub(code, offset));
                }
                value = product(value, scale);
                if constexpr (Kind != grid_kind::plain) value = Ops::add(value, minimum); // -0 changes nothing
                write_decoded<PastCaches>(y + i, value, count);
            });
        });
    }
    static constexpr void decode(const std::uint8_t* codes, std::size_t n, code_grids grids, float* y) {
        if (n == 0) return;
        const auto as = [&]<bool PastCaches>() LOWBIT_INLINE_LAMBDA {
            if (grids.table != nullptr) {
                decode_as<grid_kind::looked_up, PastCaches>(codes, n, grids, y);
            } else if (grids.minimums != nullptr) {
                decode_as<grid_kind::over_minimum, PastCaches>(codes, n, grids, y);
            } else {
                decode_as<grid_kind::plain, PastCaches>(codes, n, grids, y);
            }
        };
        if constexpr (requires(floats v) { Ops::store_past_caches(y, v); }) {
            const bool past_caches = grids.past_caches && reinterpret_cast<std::uintptr_t>(y) % sizeof(floats) == 0 &&
                                     (grids.length % lanes == 0 || grids.length >= n);
            if (past_caches) {
                fetch(grids.next.data(), 0, grids.next.size());
                return as.template operator()<true>();
            }
        }
        as.template operator()<false>();
    }
    static constexpr void order_stores() {
        if constexpr (requires { Ops::order_stores(); }) Ops::order_stores();
    }

    template <grid_kind Kind>
    LOWBIT_ALWAYS_INLINE static constexpr void squared_errors_as(const float* x, std::size_t n, const code_grids& grids,
                                                                 std::size_t count, float* errors) {
        grid_ends ends{grids[0]};
        const float most = absmax(x, n);
        for (std::size_t c = 0; c < count; ++c) {
            if (grids.zeros != nullptr) ends = grid_ends{grids[c]};
            const float minimum = Kind == grid_kind::plain ? 0.0f : grids.minimums[c];
            const auto reach = [&]() LOWBIT_INLINE_LAMBDA { return most + float_of(magnitude_of(minimum)); };
            errors[c] = on_grid(grids.scales[c], ends, reach, clamped{}, [&](const auto& at) LOWBIT_INLINE_LAMBDA {
                return sum_of<16>(n, [&](std::size_t i, auto lanes_read) LOWBIT_INLINE_LAMBDA {
                    floats v = read(x + i, lanes_read);
                    if constexpr (Kind != grid_kind::plain) v = Ops::sub(v, Ops::splat(minimum));
                    const floats error = Ops::sub(v, product(Ops::to_float(Ops::to_int(at.step(v))), at.scale));
                    return product(error, error);
                });
            });
        }
    }
    static constexpr void squared_errors(const float* x, std::size_t n, code_grids grids, std::size_t count, float* errors) {
        if (count == 0) return;
        if (grids.minimums == nullptr) {
            squared_errors_as<grid_kind::plain>(x, n, grids, count, errors);
        } else {
            squared_errors_as<grid_kind::over_minimum>(x, n, grids, count, errors);
        }
    }

    // ---- Searches: a lane is a grid, so that sums run in the order of the elements on every level ----

    /// yes where |v| is above a limit.
    LOWBIT_ALWAYS_INLINE static constexpr floats if_beyond(floats v, float limit, floats yes, floats no) {
        return Ops::from_bits(
            Ops::if_greater(magnitude(Ops::bits(v)), Ops::splat(bits_of(limit)), Ops::bits(yes), Ops::bits(no)));
    }
    LOWBIT_ALWAYS_INLINE static constexpr floats if_positive(floats v, floats yes, floats no) {
        return Ops::from_bits(Ops::if_greater(Ops::bits(v), Ops::splat(0), Ops::bits(yes), Ops::bits(no)));
    }

    template <class Weighted, class Nearest>
    LOWBIT_ALWAYS_INLINE static constexpr trial_result try_with(const float* x, std::size_t n, const trial_grids& grids,
                                                                Weighted&& weighted, Nearest&& nearest) {
        using by = trial_grids::by;
        constexpr float tiny = 0x1p-100f;
        const floats zero = Ops::splat(0.0f);
        const floats one = Ops::splat(1.0f);
        const floats sw = Ops::splat(grids.weight);
        const floats sx = Ops::splat(grids.sum);
        trial_result best{};
        std::int32_t least = 0x7fff'ffff;
        for (std::size_t c = 0; c < grids.count; c += lanes) {
            floats scale =
                product(Ops::add(Ops::load(grids.scale_steps + c), Ops::splat(grids.scale_first)), Ops::splat(grids.scale_unit));
            floats minimum = product(Ops::add(Ops::load(grids.minimum_steps + c), Ops::splat(grids.minimum_first)),
                                     Ops::splat(grids.minimum_unit));
            const floats inverse = if_beyond(scale, tiny, Ops::div(one, if_beyond(scale, tiny, scale, one)), zero);
            floats sq = zero, sqq = zero, sqx = zero;
            for (std::size_t i = 0; i < n; ++i) {
                const floats v = Ops::splat(x[i]);
                const floats level = nearest(Ops::mul(Ops::sub(v, minimum), inverse));
                const floats part = weighted(level, i);
                sq = Ops::add(sq, part);
                sqq = Ops::add(sqq, product(part, level));
                sqx = Ops::add(sqx, product(part, v));
            }
            if (grids.judge != by::grid) {
                const auto quotient_of = [&](floats a, floats b) LOWBIT_INLINE_LAMBDA { // 0 unless the divisor is positive
                    return if_positive(b, Ops::div(a, if_positive(b, b, one)), zero);
                };
                scale = quotient_of(sqx, sqq);
                minimum = zero;
                if (grids.judge != by::scale) {
                    floats determinant = Ops::sub(product(sw, sqq), product(sq, sq));
                    const floats slope = quotient_of(Ops::sub(product(sw, sqx), product(sq, sx)), determinant);
                    const floats base = quotient_of(Ops::sub(product(sqq, sx), product(sq, sqx)), determinant);
                    floats flat = if_positive(sqq, zero, quotient_of(sx, sw)); // of levels that are all 0
                    if (grids.judge == by::low_line) {
                        determinant = if_positive(base, zero, determinant);
                        flat = if_positive(flat, zero, flat);
                    }
                    scale = if_positive(determinant, slope, scale);
                    minimum = if_positive(determinant, base, flat);
                }
            }
            // scale (scale qq - 2 qx) + minimum (minimum w - 2 (x - scale q))
            const floats of_scale = product(scale, Ops::sub(product(scale, sqq), Ops::add(sqx, sqx)));
            const floats left = Ops::sub(sx, product(scale, sq));
            const floats of_minimum = product(minimum, Ops::sub(product(minimum, sw), Ops::add(left, left)));
            const floats error = Ops::add(Ops::add(of_scale, of_minimum), zero); // never -0, which would be below 0
            const ints key = ordered(Ops::bits(error));
            const std::int32_t lowest = Ops::min_of(key);
            if (lowest >= least) continue;
            least = lowest;
            float kept[7][lanes];
            Ops::store(kept[0], error);
            Ops::store(kept[1], scale);
            Ops::store(kept[2], minimum);
            Ops::store(kept[3], sq);
            Ops::store(kept[4], sqq);
            Ops::store(kept[5], sqx);
            Ops::store(kept[6], Ops::from_bits(key));
            std::size_t i = 0;
            while (i + 1 < lanes && bits_of(kept[6][i]) != lowest) ++i;
            best = {c + i, kept[0][i], kept[1][i], kept[2][i], kept[3][i], kept[4][i], kept[5][i]};
        }
        return best;
    }

    static constexpr trial_result try_grids(const float* x, const float* weights, std::size_t n, const trial_grids& grids) {
        const auto with_weights = [&](auto&& nearest) LOWBIT_INLINE_LAMBDA {
            if (weights == nullptr) {
                return try_with(x, n, grids, [&](floats level, std::size_t) LOWBIT_INLINE_LAMBDA { return level; }, nearest);
            }
            return try_with(
                x, n, grids,
                [&](floats level, std::size_t i) LOWBIT_INLINE_LAMBDA { return product(level, Ops::splat(weights[i])); },
                nearest);
        };
        if (grids.levels == nullptr) {
            const floats lo = Ops::splat(grids.lo);
            const floats hi = Ops::splat(grids.hi);
            return with_weights([&](floats v) LOWBIT_INLINE_LAMBDA {
                v = Ops::clamp(v, lo, hi);
                if constexpr (requires { Ops::round(v); }) return Ops::round(v); // may be -0, which no sum shows
                return Ops::to_float(Ops::to_int(v));
            });
        }
        return with_weights([&](floats v) LOWBIT_INLINE_LAMBDA {
            const ints key = ordered(Ops::bits(v));
            ints level = Ops::bits(Ops::splat(grids.levels[0]));
            for (std::size_t k = 1; k < grids.size; ++k) {
                level = Ops::if_greater(key, ordered(Ops::bits(Ops::splat(grids.begins[k]))),
                                        Ops::bits(Ops::splat(grids.levels[k])), level);
            }
            return Ops::from_bits(level);
        });
    }

    // ---- Codes to and from dense bytes: eight at a time, by one instruction where the level has it ----

    struct packer {
        template <int Bits>
        static constexpr void run(const std::uint8_t* codes, std::size_t n, std::uint8_t flip, std::byte* out) {
            const std::uint64_t flips = lowbit::detail::eight_times(flip);
            if constexpr (requires { Ops::template squeeze_64<Bits>(codes, flip, out); }) {
                for (; n >= 64; n -= 64, codes += 64, out += 8 * Bits) Ops::template squeeze_64<Bits>(codes, flip, out);
            }
            if constexpr (requires { Ops::template squeeze<Bits>(flips); }) {
                for (; n >= 8; n -= 8, codes += 8, out += Bits)
                    lowbit::detail::store_le<Bits>(out, Ops::template squeeze<Bits>(lowbit::detail::load_le<8>(codes) ^ flips));
            }
            pack_codes({codes, n}, Bits, out, flip);
        }
    };
    struct unpacker {
        template <int Bits>
        static constexpr void run(const std::byte* in, std::size_t n, std::uint8_t flip, std::uint8_t* codes) {
            const std::uint64_t flips = lowbit::detail::eight_times(flip);
            if constexpr (requires { Ops::template spread_64<Bits>(in, flip, codes); }) {
                for (; n >= 64; n -= 64, codes += 64, in += 8 * Bits) Ops::template spread_64<Bits>(in, flip, codes);
            }
            if constexpr (requires { Ops::template spread<Bits>(flips); }) {
                for (; n >= 8; n -= 8, codes += 8, in += Bits)
                    lowbit::detail::store_le<8>(codes, Ops::template spread<Bits>(lowbit::detail::load_le<Bits>(in)) ^ flips);
            }
            unpack_codes(in, 0, {codes, n}, Bits, flip);
        }
    };
    static constexpr void pack(const std::uint8_t* codes, std::size_t n, int bits, std::uint8_t flip, std::byte* out) {
        lowbit::detail::with_width<packer>(bits, codes, n, flip, out);
    }
    static constexpr void unpack(const std::byte* in, std::size_t n, int bits, std::uint8_t flip, std::uint8_t* codes) {
        lowbit::detail::with_width<unpacker>(bits, in, n, flip, codes);
    }

    // ---- The table ----

    template <class T>
    static constexpr row_reader<T> reader{&absmax<T>,          &minmax<T>,   &sum_abs<T>,  &quantize<T>,  &quantize_at<T>,
                                          &quantize_groups<T>, &binarize<T>, &to_float<T>, &from_float<T>};
    static constexpr row_kernels table{reader<float>,
                                       reader<float16>,
                                       reader<bfloat16>,
                                       &largest_of_groups<magnitudes>,
                                       &largest_of_groups<distances>,
                                       &minmax_groups,
                                       &encode,
                                       &decode,
                                       &order_stores,
                                       &pack,
                                       &unpack,
                                       &squared_errors,
                                       &try_grids,
                                       &requantize};
};
