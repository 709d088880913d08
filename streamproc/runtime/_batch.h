/* What making and reading record batches (KIP-98, version 2) have in common. */

#ifndef STREAMPROC_BATCH_H
#define STREAMPROC_BATCH_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#ifndef __x86_64__
#error "only the checksum instructions of x86-64 are known here; the client's own reader and builder are used instead"
#endif
#include <nmmintrin.h>

/* Where the fields of a batch are. */
enum {
    FIRST_OFFSET = 0,
    LENGTH = 8,
    LEADER_EPOCH = 12,
    MAGIC = 16,
    CHECKSUM = 17,
    ATTRIBUTES = 21,
    LAST_OFFSET = 23,
    FIRST_TIMESTAMP = 27,
    LAST_TIMESTAMP = 35,
    PRODUCER_ID = 43,
    PRODUCER_EPOCH = 51,
    SEQUENCE = 53,
    COUNT = 57,
    RECORDS = 61
};

enum {
    VERSION = 2,
    COMPRESSION = 0x07,
    IS_APPEND_TIME = 0x08,
    IS_TRANSACTIONAL = 0x10
};

/* CRC-32C; only where the processor has SSE 4.2. */
__attribute__((target("sse4.2"))) static inline uint32_t checksum(const char *at, size_t length)
{
    uint64_t sum = 0xFFFFFFFF;
    for (; length >= 8; at += 8, length -= 8) {
        uint64_t next;
        memcpy(&next, at, 8);
        sum = _mm_crc32_u64(sum, next);
    }
    for (; length > 0; at++, length--) {
        sum = _mm_crc32_u8((uint32_t)sum, (unsigned char)*at);
    }
    return ~(uint32_t)sum;
}

#endif
