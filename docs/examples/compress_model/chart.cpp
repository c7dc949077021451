// SPDX-License-Identifier: MIT
// Axes, points, and labels that keep out of each other's way.
#include "chart.hpp"

#include "../common/table.hpp"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>
#include <numbers>
#include <utility>

namespace demo {
namespace {

constexpr double width = 900, height = 560;
constexpr double plot_left = 80, plot_right = 870, plot_top = 60, plot_bottom = 500;

struct box {
    double left, top, right, bottom;

    [[nodiscard]] double overlap(const box& other) const {
        const double w = std::min(right, other.right) - std::max(left, other.left);
        const double h = std::min(bottom, other.bottom) - std::max(top, other.top);
        return w > 0 && h > 0 ? w * h : 0;
    }
    [[nodiscard]] double outside(const box& frame) const {
        return std::max(0.0, frame.left - left) + std::max(0.0, right - frame.right) + std::max(0.0, frame.top - top) +
               std::max(0.0, bottom - frame.bottom);
    }
};

constexpr box frame{plot_left + 4, plot_top + 4, plot_right - 4, plot_bottom - 4};

// From a value to pixels, both ends padded so that no point sits on the frame, the upper one more, where labels gather.
class axis {
public:
    axis(double low, double high, double from, double to) {
        const double pad = 0.12 * (high - low) + 1e-3;
        low_ = low - 0.5 * pad;
        scale_ = (to - from) / (high - low + 1.5 * pad);
        from_ = from;
    }
    double operator()(double value) const { return from_ + scale_ * (value - low_); }

private:
    double low_, scale_, from_;
};

// At 99.99 % the axis ends: nothing here is tested on more than 10,000 pictures.
double nines(double accuracy) { return -std::log10(std::max(100 - accuracy, 0.01)); }

std::string escaped(const std::string& text) {
    std::string out;
    for (const char c : text) {
        switch (c) {
        case '&': out += "&amp;"; break;
        case '<': out += "&lt;"; break;
        case '>': out += "&gt;"; break;
        default: out += c;
        }
    }
    return out;
}

std::string line(double x1, double y1, double x2, double y2, const char* style) {
    return "<line x1='" + number(x1, 1) + "' y1='" + number(y1, 1) + "' x2='" + number(x2, 1) + "' y2='" + number(y2, 1) +
           "' class='" + style + "'/>\n";
}

std::string text(double x, double y, const char* anchor, const std::string& words, const char* style = "") {
    return "<text x='" + number(x, 1) + "' y='" + number(y, 1) + "' text-anchor='" + anchor + "' class='" + style + "'>" +
           escaped(words) + "</text>\n";
}

std::string circle(double x, double y, double radius, const char* style) {
    return "<circle cx='" + number(x, 1) + "' cy='" + number(y, 1) + "' r='" + number(radius, 1) + "' class='" + style + "'/>\n";
}

struct dot {
    double x, y;
};

// The end of the line from a point to its label.
dot pointer_end(dot from, const box& label) {
    return {std::clamp(from.x, label.left, label.right), std::clamp(from.y, label.top + 2, label.bottom - 2)};
}

bool cross(dot a, dot b, dot c, dot d) {
    const auto side = [](dot p, dot q, dot r) { return (q.x - p.x) * (r.y - p.y) - (q.y - p.y) * (r.x - p.x); };
    return side(a, b, c) * side(a, b, d) < 0 && side(c, d, a) * side(c, d, b) < 0;
}

// How bad it is to put the label of point `i` there: far away, off the frame, over the reference line, or over another
// point, label or pointer.
double cost_of(std::size_t i, const box& label, const std::vector<dot>& dots, const std::vector<box>& placed) {
    const dot end = pointer_end(dots[i], label);
    double cost = std::hypot(end.x - dots[i].x, end.y - dots[i].y) + 1000 * label.outside(frame) +
                  label.overlap({plot_left, dots[0].y - 1, plot_right, dots[0].y + 1});
    for (std::size_t j = 0; j < dots.size(); ++j) {
        cost += 50 * label.overlap({dots[j].x - 6, dots[j].y - 6, dots[j].x + 6, dots[j].y + 6});
        if (j == i) continue;
        cost += 50 * label.overlap(placed[j]);
        if (cross(dots[i], end, dots[j], pointer_end(dots[j], placed[j]))) cost += 200;
        for (double along = 0.05; along < 1; along += 0.05) {
            const dot on{dots[i].x + along * (end.x - dots[i].x), dots[i].y + along * (end.y - dots[i].y)};
            const box spot{on.x - 1, on.y - 1, on.x + 1, on.y + 1};
            cost +=
                20 * spot.overlap(placed[j]) + 10 * spot.overlap({dots[j].x - 4, dots[j].y - 4, dots[j].x + 4, dots[j].y + 4});
        }
    }
    return cost;
}

// Every place on a few rings around a point is tried, and the cheapest wins. Each label gives way to the others a few times.
std::vector<box> place_labels(const std::vector<chart_point>& points, const std::vector<dot>& dots) {
    constexpr int rounds = 4, directions = 24;
    std::vector<box> placed;
    for (const dot& d : dots) placed.push_back({d.x, d.y, d.x, d.y});
    for (int round = 0; round < rounds; ++round) {
        for (std::size_t i = 0; i < points.size(); ++i) {
            const double half_width = 3.3 * static_cast<double>(points[i].label.size()) + 2, half_height = 7;
            double least = std::numeric_limits<double>::max();
            for (const double ring : {6.0, 20.0, 36.0, 54.0, 74.0, 96.0, 120.0, 150.0}) {
                for (int step = 0; step < directions; ++step) {
                    const double angle = 2 * std::numbers::pi * step / directions;
                    // The label's nearest edge, not its centre, lies on the ring.
                    const double x = dots[i].x + std::cos(angle) * (ring + half_width),
                                 y = dots[i].y + std::sin(angle) * (ring + half_height);
                    const box label{x - half_width, y - half_height, x + half_width, y + half_height};
                    const double cost = cost_of(i, label, dots, placed);
                    if (cost < least) {
                        least = cost;
                        placed[i] = label;
                    }
                }
            }
        }
    }
    return placed;
}

std::string x_ticks(const axis& x, double least, double most) {
    std::string out;
    for (double decade = 1; decade < 1e12; decade *= 10) {
        for (const double digit : {1.0, 2.0, 5.0}) {
            const double bytes = digit * decade, at = x(std::log10(bytes));
            if (bytes < least / 2 || bytes > most * 2 || at < plot_left || at > plot_right) continue;
            const std::string words = bytes < 1e3   ? number(bytes, 0) + " B"
                                      : bytes < 1e6 ? number(bytes / 1e3, 0) + " kB"
                                                    : number(bytes / 1e6, 0) + " MB";
            out += line(at, plot_top, at, plot_bottom, "grid") + text(at, plot_bottom + 18, "middle", words);
        }
    }
    return out;
}

std::string y_ticks(const axis& y) {
    std::string out;
    double last = plot_bottom + 20;
    for (const double accuracy :
         {0.0, 30.0, 40.0, 50.0, 60.0, 70.0, 80.0, 90.0, 95.0, 96.0, 97.0, 97.5, 98.0, 98.5, 99.0, 99.5, 99.8, 99.9}) {
        const double at = y(nines(accuracy));
        if (at < plot_top || at > plot_bottom || last - at < 16) continue;
        out += line(plot_left, at, plot_right, at, "grid") +
               text(plot_left - 8, at + 4, "end", number(accuracy, accuracy == std::floor(accuracy) ? 0 : 1) + " %");
        last = at;
    }
    return out;
}

// The points with no other that is both smaller and better, from small to large.
std::string front(const std::vector<chart_point>& points, const std::vector<dot>& dots) {
    std::vector<std::size_t> order(points.size());
    for (std::size_t i = 0; i < order.size(); ++i) order[i] = i;
    std::sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
        return std::pair{points[a].bytes, -points[a].accuracy} < std::pair{points[b].bytes, -points[b].accuracy};
    });
    std::string path;
    double best = -1;
    for (const std::size_t i : order) {
        if (points[i].accuracy <= best) continue;
        best = points[i].accuracy;
        path += (path.empty() ? "M" : " L") + number(dots[i].x, 1) + ' ' + number(dots[i].y, 1);
    }
    return "<path d='" + path + "' class='front'/>\n";
}

} // namespace

std::string accuracy_chart(const std::string& title, const std::vector<chart_point>& points) {
    const auto by_bytes = [](const chart_point& a, const chart_point& b) { return a.bytes < b.bytes; };
    const auto by_accuracy = [](const chart_point& a, const chart_point& b) { return a.accuracy < b.accuracy; };
    const auto [smallest, largest] = std::minmax_element(points.begin(), points.end(), by_bytes);
    const auto [worst, best] = std::minmax_element(points.begin(), points.end(), by_accuracy);
    const axis x(std::log10(smallest->bytes), std::log10(largest->bytes), plot_left, plot_right);
    double lowest = worst->accuracy;
    for (const chart_point& p : points) lowest = std::min(lowest, p.before.value_or(lowest));
    const axis y(nines(lowest), nines(best->accuracy), plot_bottom, plot_top);

    std::vector<dot> dots;
    for (const chart_point& p : points) dots.push_back({x(std::log10(p.bytes)), y(nines(p.accuracy))});

    std::string out =
        "<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 " + number(width, 0) + ' ' + number(height, 0) +
        "' font-family='sans-serif' font-size='12' fill='#333'>\n"
        "<style>.grid{stroke:#e4e4e4}.frame{fill:none;stroke:#888}.reference{stroke:#c0392b;stroke-dasharray:5 4}"
        ".front{fill:none;stroke:#9ecae1;stroke-width:2}.pointer{stroke:#aaa;stroke-width:.8}.title{font-size:16px;font-weight:"
        "bold}"
        ".label{font-size:11px;paint-order:stroke;stroke:#fff;stroke-width:3px}.dot{fill:#1f77b4}.retrained{fill:#2ca02c}.before{fill:white;stroke:#2ca02c}.gain{stroke:#2ca02c;stroke-dasharray:2 3}.float{fill:#c0392b}</style>\n"
        "<rect width='100%' height='100%' fill='white'/>\n";
    out += text(width / 2, 34, "middle", title, "title");
    out += x_ticks(x, smallest->bytes, largest->bytes) + y_ticks(y);
    out += "<rect x='" + number(plot_left, 0) + "' y='" + number(plot_top, 0) + "' width='" + number(plot_right - plot_left, 0) +
           "' height='" + number(plot_bottom - plot_top, 0) + "' class='frame'/>\n";
    out += text((plot_left + plot_right) / 2, plot_bottom + 42, "middle", "size of all weights (logarithmic)");
    out += "<g transform='translate(18 " + number((plot_top + plot_bottom) / 2, 0) + ") rotate(-90)'>" +
           text(0, 0, "middle", "accuracy on unseen digits (logarithmic in the error)") + "</g>\n";
    const bool retrained = std::any_of(points.begin(), points.end(), [](const chart_point& p) { return p.before.has_value(); });
    if (retrained) {
        out += circle(plot_left, 52, 4.5, "retrained") + text(plot_left + 10, 56, "start", "pruned and retrained");
        out += circle(plot_left + 150, 52, 3.5, "before") + text(plot_left + 160, 56, "start", "pruned alone");
    }
    out += line(plot_left, dots[0].y, plot_right, dots[0].y, "reference") + front(points, dots);

    for (std::size_t i = 0; i < points.size(); ++i) {
        if (!points[i].before) continue;
        const double from = y(nines(*points[i].before));
        out += line(dots[i].x, from, dots[i].x, dots[i].y, "gain") + circle(dots[i].x, from, 3.5, "before");
    }
    const std::vector<box> labels = place_labels(points, dots);
    for (std::size_t i = 0; i < points.size(); ++i) {
        const dot end = pointer_end(dots[i], labels[i]);
        if (std::hypot(end.x - dots[i].x, end.y - dots[i].y) > 10) out += line(dots[i].x, dots[i].y, end.x, end.y, "pointer");
    }
    for (std::size_t i = 0; i < points.size(); ++i) {
        out += circle(dots[i].x, dots[i].y, 4.5, i == 0 ? "float" : points[i].before ? "retrained" : "dot");
        out += text((labels[i].left + labels[i].right) / 2, labels[i].bottom - 3, "middle", points[i].label, "label");
    }
    return out + "</svg>\n";
}

} // namespace demo
