#include "world/medium.h"

namespace cowlab {

bool matches(RequestClass c, const Bio& bio) {
    switch (c) {
        case RequestClass::any: return true;
        case RequestClass::read: return bio.op == Op::read;
        case RequestClass::write: return bio.op == Op::write;
        case RequestClass::flush: return bio.op == Op::flush;
        case RequestClass::discard: return bio.op == Op::discard;
        case RequestClass::forwarded: return bio.purpose == Purpose::forwarded;
        case RequestClass::copy_read: return bio.purpose == Purpose::copy_read;
        case RequestClass::copy_write:
            return bio.op == Op::write && bio.purpose == Purpose::copy_write;
        case RequestClass::full_write:
            return bio.op == Op::write && bio.purpose == Purpose::full_write;
        case RequestClass::header_read: return bio.purpose == Purpose::header_read;
        case RequestClass::header_write:
            return bio.op == Op::write && bio.purpose == Purpose::header_write;
        case RequestClass::area_read: return bio.purpose == Purpose::area_read;
        case RequestClass::area_write:
            return bio.op == Op::write && bio.purpose == Purpose::area_write;
        case RequestClass::area_zeroing:
            return bio.op == Op::write && bio.purpose == Purpose::area_zeroing;
        case RequestClass::chunk_zeroing:
            return bio.op == Op::write && bio.purpose == Purpose::chunk_zeroing;
        case RequestClass::merge_flush: return bio.purpose == Purpose::merge_flush;
    }
    return false;
}

}  // namespace cowlab
