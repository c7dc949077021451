// SPDX-License-Identifier: MIT
// The level that kernels run at: the machine's best, LOWBIT_ISA, or a scoped_level of the calling thread.
#pragma once

#include <cstdlib>
#include <optional>
#include <string_view>

#include <lowbit/core/config.hpp>
#include <lowbit/core/error.hpp>
#include <lowbit/isa/detect.hpp>
#include <lowbit/isa/here.hpp>
#include <lowbit/isa/level.hpp>

namespace lowbit::inline v0::isa {

namespace detail {

/// The only state that can change: what scoped_level forces on this thread.
inline constinit thread_local std::optional<level> forced_level{};

/// Raises errc::unsupported unless this machine runs that level; returns it.
template <class Here = here>
level require(level l) {
    if (!supported<Here>(l)) raise(errc::unsupported, "this machine cannot run level ", name(l));
    return l;
}

/// The level LOWBIT_ISA names, or the machine's best.
template <class Here = here>
level choose_level(const char* requested) {
    if (requested == nullptr || *requested == '\0') {
        level best = level::scalar;
        for (const level l : levels)
            if (supported<Here>(l)) best = l;
        return best;
    }
    const std::optional<level> wanted = parse(requested);
    if (!wanted) raise(errc::unsupported, "LOWBIT_ISA names no level: ", std::string_view{requested});
    if (!supported<Here>(*wanted)) raise(errc::unsupported, "LOWBIT_ISA=", name(*wanted), ": this machine cannot run that level");
    return *wanted;
}

} // namespace detail

/// The level of the calling thread: its innermost scoped_level, else LOWBIT_ISA (read once), else the best level of this
/// machine. Raises errc::unsupported if LOWBIT_ISA is unknown or names a level this machine lacks.
template <class Here = here>
[[nodiscard]] level active() {
    if (detail::forced_level) return *detail::forced_level;
    static const level chosen = detail::choose_level<Here>(std::getenv("LOWBIT_ISA"));
    return chosen;
}

/// Forces a level on the calling thread while it lives; nests. Work that a product hands to an executor runs at the
/// level of the thread that called it. Raises errc::unsupported for a level this machine lacks.
class scoped_level {
public:
    LOWBIT_ALWAYS_INLINE explicit scoped_level(level l) : before_(detail::forced_level) {
        detail::forced_level = detail::require<here>(l);
    }
    LOWBIT_ALWAYS_INLINE ~scoped_level() { detail::forced_level = before_; }

    scoped_level(const scoped_level&) = delete;
    scoped_level& operator=(const scoped_level&) = delete;

private:
    std::optional<level> before_;
};

/// Writes to a stream what this machine supports and what is active, then lets each table (anything callable with the
/// stream) add its lines. A higher floor adds the kernels' table by overloading the one-argument form.
template <class Here = here, class Stream, class... Tables>
void explain(Stream& out, const Tables&... tables) {
    out << "supported:";
    for (const level l : levels)
        if (supported<Here>(l)) out << ' ' << name(l);
    out << "\nactive: " << name(active<Here>()) << '\n';
    (tables(out), ...);
}

} // namespace lowbit::inline v0::isa
