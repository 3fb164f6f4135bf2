#include "engine/snapshot_arguments.h"

#include "engine/words.h"

namespace cowlab {
namespace {

Constructed parse_features(const TargetContext& c, SnapshotFeatures& out) {
    if (c.arg_count <= 4) return {};
    const auto count = words::decimal(c.args[4]);
    if (!count || *count > 2 || *count > c.arg_count - 5) {
        return Constructed::failed(Errc::einval, "Invalid number of feature arguments");
    }
    for (std::size_t i = 0; i < *count; ++i) {
        const std::string_view word = c.args[5 + i];
        if (words::equal_ignoring_case(word, "discard_zeroes_cow")) {
            out.discard_zeroes_cow = true;
        } else if (words::equal_ignoring_case(word, "discard_passdown_origin")) {
            out.discard_passdown_origin = true;
        } else {
            return Constructed::failed(Errc::einval, "Unrecognised feature requested");
        }
    }
    if (out.discard_passdown_origin && !out.discard_zeroes_cow) {
        return Constructed::failed(Errc::einval,
                                   "discard_passdown_origin feature depends on discard_zeroes_cow");
    }
    return {};
}

constexpr Constructed no_store() {
    return {nullptr, Errc::einval, "Couldn't create exception store"};
}

void log_option(const TargetContext& c, std::string_view option) {
    Text<120> line;
    line << "device-mapper: persistent snapshot: Unsupported persistent store option: " << option;
    c.engine.events.log(line.view());
}

Constructed create_store(const TargetContext& c, SnapshotArguments& a) {
    const std::string_view type = c.args[2];
    const char letter = type.empty() ? '\0' : words::lower(type[0]);
    const bool persistent = letter == 'p';
    if (!persistent && letter != 'n') return no_store();
    if (persistent && type.size() > 1) {
        if (words::lower(type[1]) != 'o') {
            log_option(c, type.substr(1));
            return no_store();
        }
        a.supports_overflow = true;
    }
    const auto sectors = words::decimal(c.args[3]);
    if (!sectors || *sectors > UINT32_MAX) return no_store();
    ChunkSize chunk_size;
    if (*sectors != 0) {
        const Sectors size{*sectors};
        if (chunk_size_problem(size, a.origin->limits().logical_block,
                               a.cow->limits().logical_block) != nullptr) {
            return no_store();
        }
        chunk_size = ChunkSize(size);
    }
    const DeviceNumber owner = c.device.number();
    a.store = persistent ? create_persistent_store(c.engine, owner, *a.cow,
                                                   a.origin->limits().logical_block, chunk_size)
                         : create_transient_store(c.engine, owner, *a.cow, chunk_size);
    return a.store == nullptr ? no_store() : Constructed{};
}

}  // namespace

Constructed parse_snapshot_arguments(const TargetContext& c, SnapshotArguments& a) {
    if (c.arg_count < 4) return Constructed::failed(Errc::einval, "requires 4 or more arguments");
    if (const Constructed f = parse_features(c, a.features); f.error != Errc::ok) return f;
    if (const Errc e = c.open(c.args[0], a.origin); e != Errc::ok) {
        return Constructed::failed(e, "Cannot get origin device");
    }
    if (const Errc e = c.open(c.args[1], a.cow); e != Errc::ok) {
        return Constructed::failed(e, "Cannot get COW device");
    }
    // By identity, not by name: an alias is the same device.
    if (a.cow->number() == a.origin->number()) {
        return Constructed::failed(Errc::einval, "COW device cannot be the same as origin device");
    }
    if (const Constructed s = create_store(c, a); s.error != Errc::ok) return s;
    return {};
}

}  // namespace cowlab
