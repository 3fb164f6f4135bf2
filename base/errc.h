// The error codes of block devices and of the device mapper, by the kernel's names.
#pragma once

#include <cstdint>

namespace cowlab {

// clang-format off
enum class [[nodiscard]] Errc : std::uint8_t {
    ok,
    eperm,
    enoent,
    eio,
    enxio,
    enomem,
    ebusy,
    enodev,
    einval,
    enospc,
    enosys,
    eopnotsupp,
};
// clang-format on

// "EIO" and so on; "ok" for no error.
constexpr const char* name_of(Errc e) {
    switch (e) {
        case Errc::ok: return "ok";
        case Errc::eperm: return "EPERM";
        case Errc::enoent: return "ENOENT";
        case Errc::eio: return "EIO";
        case Errc::enxio: return "ENXIO";
        case Errc::enomem: return "ENOMEM";
        case Errc::ebusy: return "EBUSY";
        case Errc::enodev: return "ENODEV";
        case Errc::einval: return "EINVAL";
        case Errc::enospc: return "ENOSPC";
        case Errc::enosys: return "ENOSYS";
        case Errc::eopnotsupp: return "EOPNOTSUPP";
    }
    return "?";
}

}  // namespace cowlab
