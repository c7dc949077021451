// SPDX-License-Identifier: MIT
// The stroke font, the hand that draws it, and the pictures.
#include "digits.hpp"

#include "random.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <sstream>
#include <string>
#include <vector>

namespace demo {
namespace {

struct point {
    float x, y;
};
using stroke = std::vector<point>; // a smooth curve through its points; a sharp corner is the end of a stroke
using glyph = std::vector<stroke>;

struct drawing {
    std::size_t digit;
    const char* strokes; // points as x y in hundredths, x to the right and y down; a bar ends a stroke
};

// Several shapes of a digit are all in use.
constexpr drawing font[]{
    {0, "50 0  90 15  100 50  90 85  50 100  10 85  0 50  10 15  50 0"},
    {1, "55 0  55 100 | 15 25  55 0"},
    {1, "55 0  55 100 | 20 20  55 0 | 20 100  90 100"},
    {2, "5 22  25 3  60 0  92 15  88 40  50 70  5 100 | 5 100  100 100"},
    {3, "8 10  45 0  88 12  82 38  40 48 | 40 48  90 60  95 85  50 100  5 90"},
    {3, "5 0  90 0 | 90 0  45 40 | 45 40  95 60  90 90  45 100  5 88"},
    {4, "72 100  72 0 | 72 0  0 68 | 0 68  100 68"},
    {4, "15 0  10 55 | 10 55  95 55 | 78 10  72 100"},
    {5, "90 0  20 0 | 20 0  12 45 | 12 45  50 36  92 55  90 85  50 100  5 90"},
    {6, "85 4  40 15  8 55  20 92  55 100  92 83  88 58  50 47  12 65"},
    {7, "0 0  100 0 | 100 0  60 45  40 100"},
    {7, "0 0  100 0 | 100 0  60 50  35 100 | 25 50  88 50"},
    {8, "50 47  12 28  20 5  50 0  80 5  88 28  50 47  5 70  15 94  50 100  85 94  95 70  50 47"},
    {9, "15 96  60 85  92 45  80 8  45 0  8 17  12 42  50 53  88 35"},
    {9, "88 30  80 6  45 0  8 14  10 40  45 52  80 45  88 30 | 88 10  85 100"},
};

glyph parsed(const char* strokes) {
    glyph out(1);
    std::istringstream words(strokes);
    for (std::string x, y; words >> x;) {
        if (x == "|") {
            out.emplace_back();
        } else {
            words >> y;
            out.back().push_back({std::stof(x) / 100, std::stof(y) / 100});
        }
    }
    return out;
}

// The shapes of each digit.
std::array<std::vector<glyph>, 10> shapes_of_digits() {
    std::array<std::vector<glyph>, 10> out;
    for (const drawing& d : font) out[d.digit].push_back(parsed(d.strokes));
    return out;
}

// The Catmull-Rom curve between b and c; a and d are the neighbours that give it its direction.
point between(point a, point b, point c, point d, float t) {
    const auto along = [t](float p, float q, float r, float s) {
        return q + 0.5f * t * (r - p + t * (2 * p - 5 * q + 4 * r - s + t * (3 * (q - r) + s - p)));
    };
    return {along(a.x, b.x, c.x, d.x), along(a.y, b.y, c.y, d.y)};
}

float distance_to_segment(point p, point a, point b) {
    const point ab{b.x - a.x, b.y - a.y};
    const float length2 = ab.x * ab.x + ab.y * ab.y;
    const float dot = (p.x - a.x) * ab.x + (p.y - a.y) * ab.y;
    const float t = length2 > 0 ? std::clamp(dot / length2, 0.0f, 1.0f) : 0.0f;
    return std::hypot(p.x - a.x - t * ab.x, p.y - a.y - t * ab.y);
}

// A picture under a pen: what is drawn darkens the pixels that it covers, edges smoothed over one pixel.
class canvas {
public:
    canvas(float* pixels, float pen_width) : pixels_(pixels), radius_(pen_width / 2) {}

    void draw(const stroke& points) {
        constexpr int pieces = 6;
        const std::size_t last = points.size() - 1;
        for (std::size_t i = 0; i < last; ++i) {
            const point before = points[i == 0 ? 0 : i - 1];
            const point after = points[std::min(i + 2, last)];
            point from = points[i];
            for (int piece = 1; piece <= pieces; ++piece) {
                const float t = static_cast<float>(piece) / pieces;
                const point to = between(before, points[i], points[i + 1], after, t);
                draw_segment(from, to);
                from = to;
            }
        }
    }

private:
    void draw_segment(point a, point b) {
        const float reach = radius_ + 0.5f;
        const auto clip = [](float value, Eigen::Index end) {
            return std::clamp(static_cast<Eigen::Index>(value), Eigen::Index{0}, end);
        };
        const auto left = clip(std::min(a.x, b.x) - reach, picture_width),
                   right = clip(std::max(a.x, b.x) + reach + 1, picture_width);
        const auto top = clip(std::min(a.y, b.y) - reach, picture_height),
                   bottom = clip(std::max(a.y, b.y) + reach + 1, picture_height);
        for (Eigen::Index y = top; y < bottom; ++y) {
            for (Eigen::Index x = left; x < right; ++x) {
                const point centre{static_cast<float>(x) + 0.5f, static_cast<float>(y) + 0.5f};
                const float ink = std::clamp(reach - distance_to_segment(centre, a, b), 0.0f, 1.0f);
                float& pixel = pixels_[y * picture_width + x];
                pixel = std::max(pixel, ink);
            }
        }
    }

    float* pixels_;
    float radius_;
};

// One person's way to put a glyph on paper this once: from the unit box to pixels.
struct hand {
    explicit hand(random_source& random)
        : width(random.uniform(10, 17)), height(random.uniform(20, 30)), slant(random.bell(0.2f)), turn(random.bell(0.1f)),
          centre{picture_width / 2.0f + random.uniform(-3, 3), picture_height / 2.0f + random.uniform(-4, 4)},
          shake(random.uniform(0.01f, 0.06f)) {}

    point place(point p, random_source& random) const {
        const float x = width * (p.x - 0.5f + random.bell(shake));
        const float y = height * (p.y - 0.5f + random.bell(shake));
        const float slanted = x - slant * y;
        return {centre.x + std::cos(turn) * slanted - std::sin(turn) * y,
                centre.y + std::sin(turn) * slanted + std::cos(turn) * y};
    }

    float width, height, slant, turn;
    point centre;
    float shake;
};

void draw_glyph(const glyph& shape, float* pixels, random_source& random) {
    const hand writer(random);
    canvas paper(pixels, random.uniform(1.6f, 4.2f));
    for (stroke line : shape) {
        for (point& p : line) p = writer.place(p, random);
        paper.draw(line);
    }
    const float ink = random.uniform(0.5f, 1.0f);
    const float noise = random.uniform(0.05f, 0.2f);
    for (Eigen::Index i = 0; i < picture_size; ++i) {
        pixels[i] = std::clamp(ink * pixels[i] + random.bell(noise), 0.0f, 1.0f);
    }
}

} // namespace

dataset generated_digits(Eigen::Index samples, std::uint64_t seed) {
    dataset set(samples);
    const auto shapes_of = shapes_of_digits();
    random_source random(seed);
    for (Eigen::Index i = 0; i < samples; ++i) {
        const std::size_t digit = random.below(shapes_of.size());
        const std::vector<glyph>& shapes = shapes_of[digit];
        draw_glyph(shapes[random.below(shapes.size())], set.pictures.row(i).data(), random);
        set.odd[i] = static_cast<float>(digit % 2);
    }
    return set;
}

} // namespace demo
