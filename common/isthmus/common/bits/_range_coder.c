/* The range coder in C: same bytes as the reference in range_coder.py, which explains how it works.
 *
 * Every function that can fail on its data returns a tuple (kind, position) in place of bytes; the Python side turns it
 * into the error. Buffers are plain memory of int32 (uint32 for frequencies) in native order; table indices and values
 * are read once and checked when used, so that memory changed by another thread while the GIL is released can give
 * wrong bytes but never a wrong access. */
#ifndef Py_LIMITED_API
#define Py_LIMITED_API 0x030B0000
#endif
#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define WINDOW ((uint64_t)1 << 56)
#define BOTTOM ((uint64_t)1 << 48)
#define WINDOW_BYTES 7
#define MAX_ESCAPE_PREFIX 31
#define BUCKETS 256
#define LONGEST_SYMBOL_BYTES 16 /* a 16-bit entry, 32 single bits, a sign and 31 bits: 80 bits, and the tail */
#define RELEASE_GIL_ABOVE 4096  /* symbols; under this, letting go costs more than the work */

enum { FINE = 0, BAD_TABLE = 1, BAD_VALUE = 2, BAD_CODE = 3, BAD_ESCAPE = 4, BAD_ENDING = 5, NO_MEMORY = 6 };

typedef struct {
    const uint32_t *cumulative;
    int32_t offset;
    int32_t values;      /* entries but the escape */
    uint32_t likeliest;  /* where the likeliest entry starts: that entry's share comes first in the interval */
} Table;

typedef struct {
    int32_t first_table;
    int32_t parent;        /* -1: none */
    int32_t parent_offset; /* value of the parent that selects the first table */
    int32_t last_table;    /* steps from the first table to the last */
} Channel;

typedef struct {
    PyObject_HEAD
    uint32_t *cumulative;
    Table *tables;
    Channel *channels;
    uint16_t *buckets; /* [tables][BUCKETS]: entry in which each 256th of the table starts; made when first needed */
    Py_ssize_t table_count, channel_count;
    int precision_bits, has_escape, bucket_shift;
    uint32_t mask; /* 2**precision_bits - 1 */
} Coder;

/* Which table codes a latent, given those already coded: see context.py, which explains how it works. */
typedef struct {
    PyObject_HEAD
    int32_t *memory;          /* all arrays below lie in it */
    const int32_t *order;     /* [channels] */
    const int32_t *first_tap; /* [channels + 1] */
    const int32_t *taps;      /* [taps][4]: channel (-1: the sum), dy, dx, weight */
    const int32_t *first_threshold; /* [channels + 1] */
    const int32_t *thresholds;
    const int32_t *first_table; /* [channels] */
    Py_ssize_t channels, given; /* the first ones are given, not coded */
} Context;

#define REACH 2         /* largest |dy| and |dx| of a tap */
#define LARGEST 15      /* magnitudes are clipped to this */
#define MOST_CHANNELS 4096 /* that are coded */
#define MOST_GIVEN 4097
#define MOST_CLASSES 64 /* of a channel */
#define BLOCK 16        /* thresholds compared at once */
#define SUM_CHANNEL -1

static inline int32_t load_int32(const char *from, Py_ssize_t index) {
    int32_t value;
    memcpy(&value, from + 4 * index, 4);
    return value;
}

/* Bytes to move up so that range >= BOTTOM again; range is 1 to WINDOW. */
static inline int settled(uint64_t range) { return (__builtin_clzll(range - (range >> 56)) >> 3) - 1; }

/* ---- encoder ---- */

typedef struct {
    uint64_t low, range;
    uint8_t *out;
    Py_ssize_t size, capacity;
    uint8_t small[256];
} Encoder;

static void open_encoder(Encoder *e) {
    e->low = 0;
    e->range = WINDOW;
    e->out = e->small;
    e->size = 0;
    e->capacity = sizeof e->small;
}

static inline void narrow(Encoder *e, uint32_t cumulative, uint32_t frequency, int bits) {
    uint64_t part = e->range >> bits, low = e->low + part * cumulative, range = part * frequency;
    if (low >> 56) {
        low &= WINDOW - 1;
        for (Py_ssize_t at = e->size - 1; at >= 0 && ++e->out[at] == 0;) at--;
    }
    int bytes = settled(range);
    /* All eight bytes are stored, and only the settled ones kept. */
    uint64_t top = __builtin_bswap64(low << 8);
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    top = low << 8;
#endif
    memcpy(e->out + e->size, &top, 8);
    e->size += bytes;
    e->low = low << (8 * bytes) & (WINDOW - 1);
    e->range = range << (8 * bytes);
}

static int grow(Encoder *e) {
    Py_ssize_t capacity = 4 * e->capacity;
    uint8_t *out = e->out == e->small ? malloc(capacity) : realloc(e->out, capacity);
    if (!out) return NO_MEMORY;
    if (e->out == e->small) memcpy(out, e->small, e->size);
    e->out = out;
    e->capacity = capacity;
    return FINE;
}

static void put_escape(Encoder *e, uint64_t magnitude, int is_below) {
    int low_bits = 63 - __builtin_clzll(magnitude);
    for (int i = 0; i < low_bits; i++) narrow(e, 1, 1, 1);
    narrow(e, 0, 1, 1);
    narrow(e, (uint32_t)is_below, 1, 1);
    while (low_bits) {
        int bits = low_bits < 16 ? low_bits : 16;
        low_bits -= bits;
        narrow(e, (uint32_t)(magnitude >> low_bits) & (((uint32_t)1 << bits) - 1), 1, bits);
    }
}

static inline int put(Encoder *e, const Coder *c, const Table *t, int32_t value) {
    int64_t entry = (int64_t)value - t->offset;
    if (e->capacity - e->size < 2 * LONGEST_SYMBOL_BYTES && grow(e)) return NO_MEMORY;
    if ((uint64_t)entry < (uint64_t)t->values) {
        const uint32_t *row = t->cumulative + entry;
        narrow(e, (row[0] - t->likeliest) & c->mask, row[1] - row[0], c->precision_bits);
        return FINE;
    }
    if (!c->has_escape) return BAD_VALUE;
    const uint32_t *row = t->cumulative + t->values;
    narrow(e, (row[0] - t->likeliest) & c->mask, row[1] - row[0], c->precision_bits);
    put_escape(e, (uint64_t)(entry < 0 ? -entry : entry - t->values + 1), entry < 0);
    return FINE;
}

static void finish(Encoder *e) {
    if (e->low && e->low + e->range > WINDOW) {
        for (Py_ssize_t at = e->size - 1; at >= 0 && ++e->out[at] == 0;) at--;
    } else if (e->low) {
        e->out[e->size++] = (uint8_t)((e->low + BOTTOM - 1) >> 48);
    }
    while (e->size && !e->out[e->size - 1]) e->size--;
}

/* ---- decoder ---- */

typedef struct {
    uint64_t low, range, code;
    const uint8_t *data;
    Py_ssize_t size, settled;
} Decoder;

static void start(Decoder *d, const uint8_t *data, Py_ssize_t size) {
    *d = (Decoder){.range = WINDOW, .data = data, .size = size};
    for (Py_ssize_t i = 0; i < WINDOW_BYTES; i++) d->code = d->code << 8 | (i < size ? data[i] : 0);
}

static inline void follow(Decoder *d, uint64_t part, uint32_t cumulative, uint32_t frequency) {
    uint64_t range = part * frequency, code = d->code - part * cumulative;
    uint64_t low = (d->low + part * cumulative) & (WINDOW - 1);
    int bytes = settled(range);
    Py_ssize_t at = WINDOW_BYTES + d->settled;
    uint64_t next = 0;
    if (at + 8 <= d->size) {
        memcpy(&next, d->data + at, 8);
#if __BYTE_ORDER__ != __ORDER_BIG_ENDIAN__
        next = __builtin_bswap64(next);
#endif
    } else {
        for (Py_ssize_t i = 0; i < bytes; i++)
            if (at + i < d->size) next |= (uint64_t)d->data[at + i] << (56 - 8 * i);
    }
    d->code = code << (8 * bytes) | (next >> 8) >> (56 - 8 * bytes);
    d->low = low << (8 * bytes) & (WINDOW - 1);
    d->range = range << (8 * bytes);
    d->settled += bytes;
}

/* A plain number of `bits` bits, or -1 past the last. */
static int32_t get_bits(Decoder *d, int bits) {
    uint64_t part = d->range >> bits, target = d->code / part;
    if (target >> bits) return -1;
    follow(d, part, (uint32_t)target, 1);
    return (int32_t)target;
}

static int get_escape(Decoder *d, const Table *t, int32_t *value) {
    int low_bits = 0;
    int32_t bit, is_below, chunk;
    while ((bit = get_bits(d, 1)) == 1)
        if (++low_bits > MAX_ESCAPE_PREFIX) return BAD_ESCAPE;
    if (bit < 0 || (is_below = get_bits(d, 1)) < 0) return BAD_CODE;
    int64_t magnitude = 1;
    while (low_bits) {
        int bits = low_bits < 16 ? low_bits : 16;
        low_bits -= bits;
        if ((chunk = get_bits(d, bits)) < 0) return BAD_CODE;
        magnitude = magnitude << bits | chunk;
    }
    int64_t wide = is_below ? t->offset - magnitude : (int64_t)t->offset + t->values - 1 + magnitude;
    if (wide < INT32_MIN || wide > INT32_MAX) return BAD_ESCAPE;
    *value = (int32_t)wide;
    return FINE;
}

static inline int get(Decoder *d, const Coder *c, int32_t table, int32_t *value) {
    const Table *t = c->tables + table;
    uint64_t part = d->range >> c->precision_bits, target = d->code / part;
    if (target >> c->precision_bits) return BAD_CODE;
    uint32_t place = ((uint32_t)target + t->likeliest) & c->mask;
    uint32_t entry = c->buckets[(size_t)table * BUCKETS + (place >> c->bucket_shift)];
    while (t->cumulative[entry + 1] <= place) entry++;
    const uint32_t *row = t->cumulative + entry;
    follow(d, part, (row[0] - t->likeliest) & c->mask, row[1] - row[0]);
    if ((int32_t)entry == t->values) return get_escape(d, t, value); /* only where there is an escape */
    *value = (int32_t)(t->offset + (int64_t)entry);
    return FINE;
}

/* Whether the encoder would have written these very bytes. */
static int ends_well(const Decoder *d) {
    if (d->size && !d->data[d->size - 1]) return 0;
    if (d->size <= d->settled) return 1;
    return d->size == d->settled + 1 && d->code < BOTTOM && d->low && d->low + d->range <= WINDOW;
}

static int make_buckets(Coder *c) {
    if (c->buckets) return FINE;
    uint16_t *buckets = malloc(sizeof(uint16_t) * BUCKETS * (size_t)c->table_count);
    if (!buckets) return NO_MEMORY;
    for (Py_ssize_t t = 0; t < c->table_count; t++) {
        uint32_t entry = 0, end = (uint32_t)1 << c->precision_bits;
        for (uint32_t b = 0; b < BUCKETS; b++) {
            uint32_t target = b << c->bucket_shift;
            while (target < end && c->tables[t].cumulative[entry + 1] <= target) entry++;
            buckets[t * BUCKETS + b] = (uint16_t)entry;
        }
    }
    c->buckets = buckets;
    return FINE;
}

/* ---- loops ---- */

/* The table of a channel: with a parent, the one for the parent's value, or the nearest to it. */
static inline int32_t channel_table(const Channel *ch, int32_t parent_value) {
    int64_t step = (int64_t)parent_value - ch->parent_offset;
    return ch->first_table + (int32_t)(step < 0 ? 0 : step > ch->last_table ? ch->last_table : step);
}

static int encode_listed(const Coder *c, Encoder *e, const char *values, const char *indices, Py_ssize_t n,
                         Py_ssize_t *at) {
    for (Py_ssize_t i = 0; i < n; i++) {
        int32_t table = load_int32(indices, i);
        int kind = table < 0 || table >= c->table_count ? BAD_TABLE : put(e, c, c->tables + table, load_int32(values, i));
        if (kind) return *at = i, kind;
    }
    return FINE;
}

static int encode_tree(const Coder *c, Encoder *e, const char *values, Py_ssize_t signals, Py_ssize_t *at) {
    for (Py_ssize_t s = 0; s < signals; s++) {
        const char *row = values + 4 * s * c->channel_count;
        for (Py_ssize_t j = 0; j < c->channel_count; j++) {
            const Channel *ch = c->channels + j;
            int32_t table = ch->parent < 0 ? ch->first_table : channel_table(ch, load_int32(row, ch->parent));
            int kind = put(e, c, c->tables + table, load_int32(row, j));
            if (kind) return *at = s * c->channel_count + j, kind;
        }
    }
    return FINE;
}

static int decode_listed(const Coder *c, Decoder *d, const char *indices, Py_ssize_t n, int32_t *out, Py_ssize_t *at) {
    for (Py_ssize_t i = 0; i < n; i++) {
        int32_t table = load_int32(indices, i);
        int kind = table < 0 || table >= c->table_count ? BAD_TABLE : get(d, c, table, out + i);
        if (kind) return *at = i, kind;
    }
    return FINE;
}

static int decode_tree(const Coder *c, Decoder *d, Py_ssize_t signals, int32_t *out, Py_ssize_t *at) {
    for (Py_ssize_t s = 0; s < signals; s++, out += c->channel_count) {
        for (Py_ssize_t j = 0; j < c->channel_count; j++) {
            const Channel *ch = c->channels + j;
            int32_t table = ch->parent < 0 ? ch->first_table : channel_table(ch, out[ch->parent]);
            int kind = get(d, c, table, out + j);
            if (kind) return *at = s * c->channel_count + j, kind;
        }
    }
    return FINE;
}

/* ---- contexts ---- */

typedef struct {
    uint8_t *planes;   /* [channels][h + 2 REACH][w + 2 REACH], clipped magnitudes, zero around */
    uint16_t *sum;     /* [h + 2 REACH][w + 2 REACH], over the channels coded before */
    int32_t *activity; /* the same, of one channel; what lies around has no meaning */
    int32_t *table;    /* the same */
    const uint8_t *mask; /* [h][w], 0 where all latents are 0 and none is coded; or null */
    Py_ssize_t height, width, stride, area, first, last; /* cells that hold the channel, and what is between its rows */
} Field;

static void close_field(Field *f) {
    free(f->planes);
    free(f->sum);
    free(f->activity);
    free(f->table);
}

static inline uint8_t magnitude_of(int32_t value) {
    uint32_t magnitude = value < 0 ? -(uint32_t)value : (uint32_t)value;
    return (uint8_t)(magnitude < LARGEST ? magnitude : LARGEST);
}

/* A channel's magnitudes into its plane. */
static void fill_plane(Field *f, Py_ssize_t channel, const int32_t *values) {
    uint8_t *plane = f->planes + channel * f->area + f->first;
    for (Py_ssize_t y = 0; y < f->height; y++)
        for (Py_ssize_t i = 0; i < f->width; i++) plane[y * f->stride + i] = magnitude_of(values[y * f->width + i]);
}

static int open_field(Field *f, const Context *x, Py_ssize_t height, Py_ssize_t width, const int32_t *given,
                      const uint8_t *mask) {
    *f = (Field){.mask = mask, .height = height, .width = width, .stride = width + 2 * REACH};
    f->area = (height + 2 * REACH) * f->stride;
    f->first = REACH * f->stride + REACH;
    f->last = f->first + (height - 1) * f->stride + width;
    f->planes = calloc((size_t)(x->channels * f->area), 1);
    f->sum = calloc((size_t)f->area, sizeof(uint16_t));
    f->activity = malloc(sizeof(int32_t) * (size_t)f->area);
    f->table = malloc(sizeof(int32_t) * (size_t)f->area);
    if (!f->planes || !f->sum || !f->activity || !f->table) return NO_MEMORY;
    for (Py_ssize_t k = 0; k < x->given; k++) fill_plane(f, k, given + k * height * width);
    return FINE;
}

/* Adds what one tap gives the cells from `start` to `end`. */
static void add_tap(const Field *f, const int32_t *tap, Py_ssize_t start, Py_ssize_t end) {
    int32_t *restrict activity = f->activity + start;
    Py_ssize_t count = end - start, from = start + tap[1] * f->stride + tap[2];
    int32_t weight = tap[3];
    if (tap[0] == SUM_CHANNEL) {
        const uint16_t *restrict source = f->sum + from;
        for (Py_ssize_t i = 0; i < count; i++) activity[i] += weight * source[i];
    } else {
        const uint8_t *restrict source = f->planes + tap[0] * f->area + from;
        int16_t small = (int16_t)weight;
        if (weight <= INT16_MAX / LARGEST && weight >= -(INT16_MAX / LARGEST)) /* products of 16 bits are quicker */
            for (Py_ssize_t i = 0; i < count; i++) activity[i] += (int16_t)(small * source[i]);
        else
            for (Py_ssize_t i = 0; i < count; i++) activity[i] += weight * source[i];
    }
}

/* Finds the table of every latent of a channel whose values are known. */
static void tables_of_known(const Context *x, Field *f, Py_ssize_t channel, const int32_t *values) {
    const int32_t *thresholds = x->thresholds + x->first_threshold[channel];
    int threshold_count = x->first_threshold[channel + 1] - x->first_threshold[channel];
    fill_plane(f, channel, values);
    Py_ssize_t count = f->last - f->first;
    int32_t *restrict table = f->table + f->first;
    for (Py_ssize_t i = 0; i < count; i++) table[i] = x->first_table[channel];
    if (!threshold_count) return;
    memset(f->activity + f->first, 0, sizeof(int32_t) * (size_t)count);
    for (int32_t k = x->first_tap[channel]; k < x->first_tap[channel + 1]; k++)
        add_tap(f, x->taps + 4 * (size_t)k, f->first, f->last);
    const int32_t *restrict activity = f->activity + f->first;
    for (int k = 0; k < threshold_count; k++) {
        int32_t threshold = thresholds[k];
        for (Py_ssize_t i = 0; i < count; i++) table[i] += activity[i] >= threshold;
    }
}

/* The next channel's magnitudes take part in the sum. */
static void add_to_sum(Field *f, Py_ssize_t channel) {
    const uint8_t *restrict plane = f->planes + channel * f->area;
    uint16_t *restrict sum = f->sum;
    for (Py_ssize_t i = f->first; i < f->last; i++) sum[i] = (uint16_t)(sum[i] + plane[i]);
}

/* Values of one channel, each decoded with the table that those before it say. */
static int decode_channel(const Context *x, const Coder *c, Field *f, Py_ssize_t channel, Decoder *d, int32_t *values,
                          Py_ssize_t *at) {
    const int32_t *taps = x->taps + 4 * (size_t)x->first_tap[channel];
    int tap_count = x->first_tap[channel + 1] - x->first_tap[channel];
    int threshold_count = x->first_threshold[channel + 1] - x->first_threshold[channel];
    int32_t first_table = x->first_table[channel], left[REACH + 1] = {0};
    /* Thresholds in blocks that the compiler compares at once; what fills the last is never reached:
     * activities are at most a multiple of LARGEST. */
    int32_t thresholds[BLOCK * ((MOST_CLASSES - 1 + BLOCK - 1) / BLOCK)];
    int blocks = (threshold_count + BLOCK - 1) / BLOCK;
    for (int k = 0; k < blocks * BLOCK; k++)
        thresholds[k] = k < threshold_count ? x->thresholds[x->first_threshold[channel] + k] : INT32_MAX;
    uint8_t *plane = f->planes + channel * f->area;
    if (threshold_count) memset(f->activity + f->first, 0, sizeof(int32_t) * (size_t)(f->last - f->first));
    for (int k = 0; threshold_count && k < tap_count; k++) {
        const int32_t *tap = taps + 4 * k;
        if (tap[0] != channel) add_tap(f, tap, f->first, f->last);
        else if (!tap[1]) left[-tap[2]] += tap[3];
    }
    for (Py_ssize_t y = 0; y < f->height; y++) {
        Py_ssize_t start = f->first + y * f->stride;
        for (int k = 0; threshold_count && k < tap_count; k++)
            if (taps[4 * k] == channel && taps[4 * k + 1]) add_tap(f, taps + 4 * k, start, start + f->width);
        for (Py_ssize_t i = 0; i < f->width; i++) {
            uint8_t *cell = plane + start + i;
            int32_t reached = 0, *value = values + y * f->width + i;
            if (f->mask && !f->mask[y * f->width + i]) {
                *value = 0;
                continue;
            }
            if (threshold_count) {
                int32_t activity = f->activity[start + i] + left[1] * cell[-1] + left[2] * cell[-2];
                for (int k = 0; k < blocks; k++)
                    for (int j = 0; j < BLOCK; j++) reached += activity >= thresholds[k * BLOCK + j];
            }
            int kind = get(d, c, first_table + reached, value);
            if (kind) return *at = y * f->width + i, kind;
            *cell = magnitude_of(*value);
        }
    }
    return FINE;
}

static int decode_context(const Context *x, const Coder *c, Decoder *d, Py_ssize_t height, Py_ssize_t width,
                          const int32_t *given, const uint8_t *mask, int32_t *values, Py_ssize_t *at) {
    Field f;
    Py_ssize_t size = height * width;
    int kind = open_field(&f, x, height, width, given, mask);
    for (Py_ssize_t k = x->given; !kind && k < x->channels; k++) {
        Py_ssize_t channel = x->order[k], place = (channel - x->given) * size;
        kind = decode_channel(x, c, &f, channel, d, values + place, at);
        if (kind) *at += place;
        else add_to_sum(&f, channel);
    }
    close_field(&f);
    return kind;
}

/* Codes values with an encoder, or without one writes down the table of each. */
static int encode_context(const Context *x, const Coder *c, Encoder *e, Py_ssize_t height, Py_ssize_t width,
                          const int32_t *given, const uint8_t *mask, const int32_t *values, int32_t *tables,
                          Py_ssize_t *at) {
    Field f;
    Py_ssize_t size = height * width;
    int kind = open_field(&f, x, height, width, given, mask);
    for (Py_ssize_t k = x->given; !kind && k < x->channels; k++) {
        Py_ssize_t place = (x->order[k] - x->given) * size;
        tables_of_known(x, &f, x->order[k], values + place);
        add_to_sum(&f, x->order[k]);
        for (Py_ssize_t y = 0; !kind && y < height; y++, place += width) {
            const int32_t *row = f.table + f.first + y * f.stride;
            if (e)
                for (Py_ssize_t i = 0; !kind && i < width; i++) {
                    if (mask && !mask[y * width + i]) continue;
                    kind = put(e, c, c->tables + row[i], values[place + i]);
                    if (kind) *at = place + i;
                }
            else memcpy(tables + place, row, sizeof(int32_t) * (size_t)width);
        }
    }
    close_field(&f);
    return kind;
}

/* ---- the Python types ---- */

static void Context_dealloc(PyObject *self);

static PyObject *failure(int kind, Py_ssize_t at) {
    return kind == NO_MEMORY ? PyErr_NoMemory() : Py_BuildValue("(in)", kind, at);
}

/* Memory of whole 4-byte numbers, or an exception. */
static int open_numbers(PyObject *object, Py_buffer *view, const char *name) {
    if (PyObject_GetBuffer(object, view, PyBUF_SIMPLE) < 0) return -1;
    if (view->len % 4 == 0) return 0;
    PyBuffer_Release(view);
    PyErr_Format(PyExc_ValueError, "%s: expected a buffer of 4-byte integers", name);
    return -1;
}

/* The section, and the bytes and range before its end: the interval says how many bits the symbols took. */
static PyObject *measured_section(Encoder *e, int kind, Py_ssize_t at) {
    Py_ssize_t settled_bytes = e->size;
    uint64_t range = e->range;
    if (!kind) finish(e);
    PyObject *result = kind ? failure(kind, at)
                            : Py_BuildValue("(y#nK)", (const char *)e->out, e->size, settled_bytes,
                                            (unsigned long long)range);
    if (e->out != e->small) free(e->out);
    return result;
}

/* What was decoded, once it has ended well; else it is given back and the failure told. */
static PyObject *decoded_or_failure(PyObject *values, const Decoder *d, int kind, Py_ssize_t at) {
    if (!kind && !ends_well(d)) kind = BAD_ENDING, at = d->size;
    if (!kind) return values;
    Py_DECREF(values);
    return failure(kind, at);
}

static PyObject *encode_any(Coder *c, PyObject *values_object, PyObject *indices_object) {
    Py_buffer values, indices = {0};
    if (open_numbers(values_object, &values, "values") < 0) return NULL;
    if (indices_object && open_numbers(indices_object, &indices, "table_indices") < 0) {
        PyBuffer_Release(&values);
        return NULL;
    }
    PyObject *result = NULL;
    Py_ssize_t n = values.len / 4, at = 0;
    int kind = FINE;
    Encoder e;
    open_encoder(&e);
    if (indices_object ? indices.len != values.len : !c->channel_count || n % c->channel_count) {
        PyErr_SetString(PyExc_ValueError, "values: their count does not fit the table indices or channels");
        goto done;
    }
    PyThreadState *thread = n > RELEASE_GIL_ABOVE ? PyEval_SaveThread() : NULL;
    kind = indices_object ? encode_listed(c, &e, values.buf, indices.buf, n, &at)
                          : encode_tree(c, &e, values.buf, n / c->channel_count, &at);
    if (!kind) finish(&e);
    if (thread) PyEval_RestoreThread(thread);
    result = kind ? failure(kind, at) : PyBytes_FromStringAndSize((const char *)e.out, e.size);
done:
    if (e.out != e.small) free(e.out);
    PyBuffer_Release(&values);
    if (indices_object) PyBuffer_Release(&indices);
    return result;
}

static PyObject *decode_any(Coder *c, PyObject *data_object, PyObject *indices_object, Py_ssize_t signals) {
    Py_buffer data, indices = {0};
    if (make_buckets(c)) return PyErr_NoMemory();
    if (PyObject_GetBuffer(data_object, &data, PyBUF_SIMPLE) < 0) return NULL;
    if (indices_object && open_numbers(indices_object, &indices, "table_indices") < 0) {
        PyBuffer_Release(&data);
        return NULL;
    }
    PyObject *result = NULL;
    Py_ssize_t at = 0, n = 0;
    if (indices_object) n = indices.len / 4;
    else if (!c->channel_count || signals < 0 || signals > PY_SSIZE_T_MAX / 8 / c->channel_count) {
        PyErr_SetString(PyExc_ValueError, "signals: expected a count that fits in memory, and a coder with channels");
        goto done;
    } else n = signals * c->channel_count;
    if (!(result = PyBytes_FromStringAndSize(NULL, 4 * n))) goto done;
    int32_t *out = (int32_t *)(void *)PyBytes_AsString(result);
    PyThreadState *thread = n > RELEASE_GIL_ABOVE ? PyEval_SaveThread() : NULL;
    Decoder d;
    start(&d, data.buf, data.len);
    int kind = indices_object ? decode_listed(c, &d, indices.buf, n, out, &at) : decode_tree(c, &d, signals, out, &at);
    if (!kind && !ends_well(&d)) kind = BAD_ENDING, at = data.len;
    if (thread) PyEval_RestoreThread(thread);
    if (kind) {
        Py_DECREF(result);
        result = failure(kind, at);
    }
done:
    PyBuffer_Release(&data);
    if (indices_object) PyBuffer_Release(&indices);
    return result;
}

static int takes(Py_ssize_t given, Py_ssize_t expected) {
    if (given == expected) return 1;
    PyErr_Format(PyExc_TypeError, "expected %zd arguments, got %zd", expected, given);
    return 0;
}

static PyObject *Coder_encode(PyObject *self, PyObject *const *args, Py_ssize_t n) {
    return takes(n, 2) ? encode_any((Coder *)self, args[0], args[1]) : NULL;
}

static PyObject *Coder_decode(PyObject *self, PyObject *const *args, Py_ssize_t n) {
    return takes(n, 2) ? decode_any((Coder *)self, args[0], args[1], 0) : NULL;
}

static PyObject *Coder_encode_signals(PyObject *self, PyObject *values) {
    return encode_any((Coder *)self, values, NULL);
}

static PyObject *Coder_decode_signals(PyObject *self, PyObject *const *args, Py_ssize_t n) {
    if (!takes(n, 2)) return NULL;
    Py_ssize_t signals = PyLong_AsSsize_t(args[1]);
    return signals == -1 && PyErr_Occurred() ? NULL : decode_any((Coder *)self, args[0], NULL, signals);
}

/* Sides of the field from two Python integers; 0, or -1 with an exception. */
static int read_sides(PyObject *const *args, const Context *x, Py_ssize_t *height, Py_ssize_t *width) {
    *height = PyLong_AsSsize_t(args[0]);
    *width = PyLong_AsSsize_t(args[1]);
    if (PyErr_Occurred()) return -1;
    if (*height >= 1 && *width >= 1 && *height < 1 << 20 && *width < 1 << 20 &&
        *height * *width < PY_SSIZE_T_MAX / 64 / x->channels)
        return 0;
    PyErr_SetString(PyExc_ValueError, "height, width: expected sides from 1 to 2**20 - 1");
    return -1;
}

static const Context *context_for(const Coder *c, PyObject *object) {
    PyTypeObject *type = Py_TYPE(object);
    if (PyType_GetSlot(type, Py_tp_dealloc) != (void *)Context_dealloc) {
        PyErr_SetString(PyExc_TypeError, "context: expected a Context");
        return NULL;
    }
    const Context *x = (const Context *)object;
    for (Py_ssize_t j = 0; j < x->channels; j++) {
        int64_t last = (int64_t)x->first_table[j] + x->first_threshold[j + 1] - x->first_threshold[j];
        if (last >= c->table_count) {
            PyErr_SetString(PyExc_ValueError, "context: names a table that the coder does not have");
            return NULL;
        }
    }
    return x;
}

/* What a call in context works on: (context, values or data, height, width[, given, mask]). */
typedef struct {
    const Context *x;
    Py_ssize_t height, width;
    Py_buffer data, given, mask; /* the last two are without object where there is none */
} Job;

static void close_job(Job *job) {
    if (job->data.obj) PyBuffer_Release(&job->data);
    if (job->given.obj) PyBuffer_Release(&job->given);
    if (job->mask.obj) PyBuffer_Release(&job->mask);
}

/* Opens and checks the buffers of a call; 0, or -1 with an exception. */
static int open_job(Job *job, const Coder *c, PyObject *const *args, Py_ssize_t n, int is_encoding) {
    *job = (Job){0};
    if (n != 4 && n != 6) return PyErr_Format(PyExc_TypeError, "expected 4 or 6 arguments, got %zd", n), -1;
    const Context *x = job->x = context_for(c, args[0]);
    if (!x || read_sides(args + 2, x, &job->height, &job->width)) return -1;
    PyObject *given = n == 6 && args[4] != Py_None ? args[4] : NULL, *mask = n == 6 && args[5] != Py_None ? args[5] : NULL;
    Py_ssize_t size = job->height * job->width;
    if (PyObject_GetBuffer(args[1], &job->data, PyBUF_SIMPLE) < 0) goto bad;
    if (given && PyObject_GetBuffer(given, &job->given, PyBUF_SIMPLE) < 0) goto bad;
    if (mask && PyObject_GetBuffer(mask, &job->mask, PyBUF_SIMPLE) < 0) goto bad;
    if (is_encoding && job->data.len != 4 * (x->channels - x->given) * size)
        PyErr_SetString(PyExc_ValueError, "values: their count does not fit channels, height and width");
    else if (job->given.len != 4 * x->given * size)
        PyErr_SetString(PyExc_ValueError, "given: their count does not fit channels, height and width");
    else if (mask && job->mask.len != size)
        PyErr_SetString(PyExc_ValueError, "mask: its count does not fit height and width");
    else return 0;
bad:
    close_job(job);
    return -1;
}

/* encode_context(context, values, height, width[, given, mask]): the section, and the bytes and range before its end */
static PyObject *Coder_encode_context(PyObject *self, PyObject *const *args, Py_ssize_t n) {
    Coder *c = (Coder *)self;
    Py_ssize_t at = 0;
    Job job;
    if (open_job(&job, c, args, n, 1)) return NULL;
    Encoder e;
    open_encoder(&e);
    PyThreadState *thread = PyEval_SaveThread();
    int kind = encode_context(job.x, c, &e, job.height, job.width, job.given.buf, job.mask.buf, job.data.buf, NULL, &at);
    PyEval_RestoreThread(thread);
    close_job(&job);
    return measured_section(&e, kind, at);
}

/* decode_context(context, data, height, width[, given, mask]) */
static PyObject *Coder_decode_context(PyObject *self, PyObject *const *args, Py_ssize_t n) {
    Coder *c = (Coder *)self;
    Py_ssize_t at = 0;
    Job job;
    if (make_buckets(c)) return PyErr_NoMemory();
    if (open_job(&job, c, args, n, 0)) return NULL;
    PyObject *result = PyBytes_FromStringAndSize(NULL, 4 * (job.x->channels - job.x->given) * job.height * job.width);
    if (!result) goto done;
    int32_t *out = (int32_t *)(void *)PyBytes_AsString(result);
    PyThreadState *thread = PyEval_SaveThread();
    Decoder d;
    start(&d, job.data.buf, job.data.len);
    int kind = decode_context(job.x, c, &d, job.height, job.width, job.given.buf, job.mask.buf, out, &at);
    PyEval_RestoreThread(thread);
    result = decoded_or_failure(result, &d, kind, at);
done:
    close_job(&job);
    return result;
}

/* context_tables(context, values, height, width[, given, mask]): the table of each value, for measuring */
static PyObject *Coder_context_tables(PyObject *self, PyObject *const *args, Py_ssize_t n) {
    Coder *c = (Coder *)self;
    Py_ssize_t at = 0;
    Job job;
    if (open_job(&job, c, args, n, 1)) return NULL;
    PyObject *result = PyBytes_FromStringAndSize(NULL, job.data.len);
    if (result) {
        int32_t *tables = (int32_t *)(void *)PyBytes_AsString(result);
        int kind = encode_context(job.x, c, NULL, job.height, job.width, job.given.buf, job.mask.buf, job.data.buf,
                                  tables, &at);
        if (kind) {
            Py_DECREF(result);
            result = failure(kind, at);
        }
    }
    close_job(&job);
    return result;
}

/* ---- expectations: see expectation.py, which explains how it works ---- */

typedef struct {
    const int32_t *taps;       /* [taps][4]: channels back (-1: the sum), dy, dx, weight */
    const int32_t *edges;      /* of the classes by what is expected, rising */
    const int32_t *thresholds; /* of the classes by how much more there is, rising */
    Py_ssize_t tap_count, edge_count, threshold_count;
    int32_t inertia;
} Expectation;

#define EXPECTED_BITS 10 /* what is expected comes in units of 2**-10 */
#define RATIO_BITS 6     /* and thresholds in units of 2**-6 */
#define MOST_EXPECTED (LARGEST << EXPECTED_BITS)
#define MOST_BACK 16
#define MOST_TAPS 64

/* Magnitudes found and expected of each place, clipped, zero around; and their sums over the channels coded before. */
typedef struct {
    int32_t *found, *expected;         /* [channels][h + 2 REACH][w + 2 REACH] */
    int32_t *found_sum, *expected_sum; /* [h + 2 REACH][w + 2 REACH] */
    Py_ssize_t stride, area, first;
} Ground;

static int open_ground(Ground *g, Py_ssize_t channels, Py_ssize_t height, Py_ssize_t width) {
    *g = (Ground){.stride = width + 2 * REACH};
    g->area = (height + 2 * REACH) * g->stride;
    g->first = REACH * g->stride + REACH;
    g->found = calloc((size_t)(2 * (channels + 1) * g->area), sizeof(int32_t));
    if (!g->found) return NO_MEMORY;
    g->expected = g->found + channels * g->area;
    g->found_sum = g->expected + channels * g->area;
    g->expected_sum = g->found_sum + g->area;
    return FINE;
}

/* The table of the latent at a cell of a channel. */
static int32_t expected_table(const Expectation *x, const Ground *g, Py_ssize_t channel, Py_ssize_t cell,
                              int32_t expected) {
    int64_t found = 0, known = 0;
    for (Py_ssize_t k = 0; k < x->tap_count; k++) {
        const int32_t *tap = x->taps + 4 * k;
        if (tap[0] > channel) continue;
        Py_ssize_t at = cell + tap[1] * g->stride + tap[2];
        const int32_t *plane = tap[0] < 0 ? g->found_sum : g->found + (channel - tap[0]) * g->area;
        const int32_t *other = tap[0] < 0 ? g->expected_sum : g->expected + (channel - tap[0]) * g->area;
        found += (int64_t)tap[3] * plane[at];
        known += (int64_t)tap[3] * other[at];
    }
    found = ((found << EXPECTED_BITS) + x->inertia) << RATIO_BITS;
    known += x->inertia;
    int32_t class = 0, ratio = 0;
    while (class < x->edge_count && expected >= x->edges[class]) class++;
    while (ratio < x->threshold_count && found >= x->thresholds[ratio] * known) ratio++;
    return class * (int32_t)(x->threshold_count + 1) + ratio;
}

/* Codes values with an encoder, or fills them in from a decoder, or with neither writes down each one's table. */
static int walk_expected(const Expectation *x, const Coder *c, Py_ssize_t channels, Py_ssize_t height, Py_ssize_t width,
                         const char *expected, const uint8_t *mask, Encoder *e, Decoder *d, int32_t *values,
                         int32_t *tables, Py_ssize_t *at) {
    Ground g;
    int kind = open_ground(&g, channels, height, width);
    Py_ssize_t size = height * width;
    for (Py_ssize_t k = 0; !kind && k < channels; k++) {
        int32_t *found = g.found + k * g.area, *known = g.expected + k * g.area;
        for (Py_ssize_t y = 0; !kind && y < height; y++)
            for (Py_ssize_t i = 0; i < width; i++) {
                Py_ssize_t place = k * size + y * width + i, cell = g.first + y * g.stride + i;
                if (mask && !mask[y * width + i]) {
                    if (d) values[place] = 0;
                    continue;
                }
                int32_t here = load_int32(expected, place), table = expected_table(x, &g, k, cell, here);
                if (e) kind = put(e, c, c->tables + table, values[place]);
                else if (d) kind = get(d, c, table, values + place);
                else tables[place] = table;
                if (kind) {
                    *at = place;
                    break;
                }
                found[cell] = magnitude_of(values[place]);
                known[cell] = here < 0 ? 0 : here > MOST_EXPECTED ? MOST_EXPECTED : here;
            }
        for (Py_ssize_t i = 0; i < g.area; i++) {
            g.found_sum[i] += found[i];
            g.expected_sum[i] += known[i];
        }
    }
    free(g.found);
    return kind;
}

/* What a call works on: (taps, edges, thresholds, inertia, values or data, expected, mask, channels, height, width) */
typedef struct {
    Expectation x;
    Py_buffer views[6]; /* taps, edges, thresholds, values or data, expected, mask */
    Py_ssize_t channels, height, width;
} ExpectedJob;

static void close_expected(ExpectedJob *job) {
    for (int k = 0; k < 6; k++)
        if (job->views[k].obj) PyBuffer_Release(&job->views[k]);
}

/* Whether each tap reaches only what is coded before, and no sum can leave 64 bits. */
static int expectation_is_sound(const Expectation *x) {
    if (x->inertia < 1 || x->inertia > 1 << 24) return 0;
    if (x->tap_count > MOST_TAPS || x->edge_count > MOST_CLASSES - 1 || x->threshold_count > MOST_CLASSES - 1) return 0;
    for (Py_ssize_t k = 0; k < x->tap_count; k++) {
        const int32_t *tap = x->taps + 4 * k;
        if (tap[0] < SUM_CHANNEL || tap[0] > MOST_BACK || tap[3] < 1 || tap[3] > 255) return 0;
        if (tap[1] < -REACH || tap[1] > REACH || tap[2] < -REACH || tap[2] > REACH) return 0;
        if (!tap[0] && (tap[1] > 0 || (!tap[1] && tap[2] >= 0))) return 0;
    }
    for (Py_ssize_t k = 0; k < x->threshold_count; k++)
        if (x->thresholds[k] < 1 || x->thresholds[k] > 1 << 16) return 0;
    return 1;
}

static int open_expected(ExpectedJob *job, const Coder *c, PyObject *args, int is_encoding) {
    PyObject *objects[6];
    int inertia;
    *job = (ExpectedJob){0};
    if (!PyArg_ParseTuple(args, "OOOiOOOnnn", &objects[0], &objects[1], &objects[2], &inertia, &objects[3],
                          &objects[4], &objects[5], &job->channels, &job->height, &job->width))
        return -1;
    static const char *names[] = {"taps", "edges", "thresholds", "values", "expected", "mask"};
    for (int k = 0; k < 6; k++) {
        int is_numbers = k < 3 || k == 4 || (k == 3 && is_encoding);
        if (k == 5 && objects[k] == Py_None) continue;
        if (is_numbers ? open_numbers(objects[k], &job->views[k], names[k])
                       : PyObject_GetBuffer(objects[k], &job->views[k], PyBUF_SIMPLE) < 0)
            goto bad;
    }
    job->x = (Expectation){job->views[0].buf, job->views[1].buf, job->views[2].buf, job->views[0].len / 16,
                           job->views[1].len / 4, job->views[2].len / 4, inertia};
    int fits = job->channels >= 1 && job->channels <= MOST_CHANNELS && job->height >= 1 && job->height < 1 << 20 &&
               job->width >= 1 && job->width < 1 << 20 &&
               job->height * job->width < PY_SSIZE_T_MAX / 256 / (job->channels + 1);
    Py_ssize_t size = fits ? job->height * job->width : 0, count = fits ? job->channels * size : 0;
    if (!fits || job->views[0].len % 16 || job->views[4].len != 4 * count ||
        (is_encoding && job->views[3].len != 4 * count) || (job->views[5].obj && job->views[5].len != size))
        PyErr_SetString(PyExc_ValueError, "values, expected, mask: their counts do not fit channels, height and width");
    else if (!expectation_is_sound(&job->x))
        PyErr_SetString(PyExc_ValueError, "expectation: expected taps that reach only what is coded before");
    else if ((job->x.edge_count + 1) * (job->x.threshold_count + 1) > c->table_count)
        PyErr_SetString(PyExc_ValueError, "expectation: names a table that the coder does not have");
    else return 0;
bad:
    close_expected(job);
    return -1;
}

/* encode_expected(...): the section, and the bytes and range before its end */
static PyObject *Coder_encode_expected(PyObject *self, PyObject *args) {
    Coder *c = (Coder *)self;
    Py_ssize_t at = 0;
    ExpectedJob job;
    if (open_expected(&job, c, args, 1)) return NULL;
    Encoder e;
    open_encoder(&e);
    PyThreadState *thread = PyEval_SaveThread();
    int kind = walk_expected(&job.x, c, job.channels, job.height, job.width, job.views[4].buf, job.views[5].buf, &e,
                             NULL, job.views[3].buf, NULL, &at);
    PyEval_RestoreThread(thread);
    close_expected(&job);
    return measured_section(&e, kind, at);
}

/* decode_expected(...): the values, int32 in native order */
static PyObject *Coder_decode_expected(PyObject *self, PyObject *args) {
    Coder *c = (Coder *)self;
    Py_ssize_t at = 0;
    ExpectedJob job;
    if (make_buckets(c)) return PyErr_NoMemory();
    if (open_expected(&job, c, args, 0)) return NULL;
    PyObject *result = PyBytes_FromStringAndSize(NULL, 4 * job.channels * job.height * job.width);
    if (!result) goto done;
    int32_t *out = (int32_t *)(void *)PyBytes_AsString(result);
    PyThreadState *thread = PyEval_SaveThread();
    Decoder d;
    start(&d, job.views[3].buf, job.views[3].len);
    int kind = walk_expected(&job.x, c, job.channels, job.height, job.width, job.views[4].buf, job.views[5].buf, NULL,
                             &d, out, NULL, &at);
    PyEval_RestoreThread(thread);
    result = decoded_or_failure(result, &d, kind, at);
done:
    close_expected(&job);
    return result;
}

/* expected_tables(...): the table of each value, for measuring and learning */
static PyObject *Coder_expected_tables(PyObject *self, PyObject *args) {
    Coder *c = (Coder *)self;
    Py_ssize_t at = 0;
    ExpectedJob job;
    if (open_expected(&job, c, args, 1)) return NULL;
    PyObject *result = PyBytes_FromStringAndSize(NULL, job.views[3].len);
    if (result) {
        memset(PyBytes_AsString(result), 0, (size_t)job.views[3].len);
        int kind = walk_expected(&job.x, c, job.channels, job.height, job.width, job.views[4].buf, job.views[5].buf,
                                 NULL, NULL, job.views[3].buf, (int32_t *)(void *)PyBytes_AsString(result), &at);
        if (kind) {
            Py_DECREF(result);
            result = failure(kind, at);
        }
    }
    close_expected(&job);
    return result;
}

static void Context_dealloc(PyObject *self) {
    PyTypeObject *type = Py_TYPE(self);
    free(((Context *)self)->memory);
    ((freefunc)PyType_GetSlot(type, Py_tp_free))(self);
    Py_DECREF((PyObject *)type);
}

/* Whether each channel's taps reach only what is coded before it, and no sum of theirs can leave 32 bits. */
static int context_is_sound(const Context *x, Py_ssize_t tap_count, Py_ssize_t threshold_count) {
    Py_ssize_t n = x->channels;
    int32_t place[MOST_CHANNELS + MOST_GIVEN];
    for (Py_ssize_t j = 0; j < n; j++) place[j] = -1;
    for (Py_ssize_t k = 0; k < n; k++) {
        if (x->order[k] < 0 || x->order[k] >= n || place[x->order[k]] >= 0) return 0;
        place[x->order[k]] = (int32_t)k;
        if (k < x->given && x->order[k] != k) return 0;
    }
    if (x->first_tap[0] || x->first_threshold[0] || x->first_tap[n] != tap_count) return 0;
    if (x->first_threshold[n] != threshold_count) return 0;
    for (Py_ssize_t j = 0; j < n; j++) {
        if (x->first_tap[j + 1] < x->first_tap[j] || x->first_tap[j + 1] > tap_count) return 0;
        if (x->first_threshold[j + 1] < x->first_threshold[j] || x->first_threshold[j + 1] > threshold_count) return 0;
        if (x->first_threshold[j + 1] - x->first_threshold[j] >= MOST_CLASSES || x->first_table[j] < 0) return 0;
        if (j < x->given && (x->first_tap[j + 1] || x->first_threshold[j + 1])) return 0;
        int64_t largest = 0;
        int sequential = 0;
        for (Py_ssize_t k = x->first_tap[j]; k < x->first_tap[j + 1]; k++) {
            const int32_t *tap = x->taps + 4 * k;
            if (tap[1] < -REACH || tap[1] > REACH || tap[2] < -REACH || tap[2] > REACH) return 0;
            if (tap[0] == j) {
                if (tap[1] > 0 || (!tap[1] && tap[2] >= 0)) return 0;
                if (!tap[1] && ++sequential > REACH) return 0;
            } else if (tap[0] != SUM_CHANNEL && (tap[0] < 0 || tap[0] >= n || place[tap[0]] >= place[j])) return 0;
            int64_t weight = tap[3] < 0 ? -(int64_t)tap[3] : tap[3];
            largest += weight * LARGEST * (tap[0] == SUM_CHANNEL ? (int64_t)(n - x->given) : 1);
        }
        if (largest > INT32_MAX) return 0;
    }
    return 1;
}

static PyObject *Context_new(PyTypeObject *type, PyObject *args, PyObject *kwargs) {
    static const char *names[] = {"order", "first_tap", "taps", "first_threshold", "thresholds", "first_table"};
    PyObject *objects[6];
    Py_buffer views[6];
    int opened = 0, status = 0;
    if (kwargs && PyDict_Size(kwargs)) return PyErr_SetString(PyExc_TypeError, "Context: no keyword arguments"), NULL;
    Py_ssize_t given = 0;
    if (!PyArg_ParseTuple(args, "OOOOOO|n", &objects[0], &objects[1], &objects[2], &objects[3], &objects[4],
                          &objects[5], &given))
        return NULL;
    allocfunc allocate = (allocfunc)PyType_GetSlot(type, Py_tp_alloc);
    Context *x = (Context *)allocate(type, 0);
    if (!x) return NULL;
    while (opened < 6 && !(status = open_numbers(objects[opened], &views[opened], names[opened]))) opened++;
    if (!status) {
        Py_ssize_t n = views[0].len / 4, total = 0;
        for (int k = 0; k < 6; k++) total += views[k].len;
        int fits = given >= 0 && given <= MOST_GIVEN && n > given && n - given <= MOST_CHANNELS && views[1].len == 4 * (n + 1) && views[2].len % 16 == 0 &&
                   views[3].len == 4 * (n + 1) && views[5].len == 4 * n;
        if (fits && (x->memory = malloc((size_t)total + 4))) {
            const int32_t *starts[6];
            char *to = (char *)x->memory;
            for (int k = 0; k < 6; k++) {
                starts[k] = (const int32_t *)(const void *)to;
                memcpy(to, views[k].buf, (size_t)views[k].len);
                to += views[k].len;
            }
            x->order = starts[0], x->first_tap = starts[1], x->taps = starts[2];
            x->first_threshold = starts[3], x->thresholds = starts[4], x->first_table = starts[5];
            x->channels = n;
            x->given = given;
            fits = context_is_sound(x, views[2].len / 16, views[4].len / 4);
        } else if (fits) PyErr_NoMemory();
        if (!fits && !PyErr_Occurred())
            PyErr_SetString(PyExc_ValueError, "context: expected taps that reach only what is coded before");
        status = PyErr_Occurred() ? -1 : 0;
    }
    while (opened) PyBuffer_Release(&views[--opened]);
    if (!status) return (PyObject *)x;
    Py_DECREF((PyObject *)x);
    return NULL;
}

/* Copies tables and checks everything the loops rely on; 0, or -1 with an exception. */
static int fill_tables(Coder *c, const Py_buffer *cumulative, const Py_buffer *sizes, const Py_buffer *offsets) {
    Py_ssize_t count = sizes->len / 4, width = count ? cumulative->len / 4 / count : 0;
    uint32_t end = (uint32_t)1 << c->precision_bits;
    if (!count || count > INT32_MAX || offsets->len != sizes->len || cumulative->len != 4 * count * width) goto bad;
    c->cumulative = malloc(cumulative->len);
    c->tables = malloc(sizeof(Table) * count);
    if (!c->cumulative || !c->tables) return PyErr_NoMemory(), -1;
    memcpy(c->cumulative, cumulative->buf, cumulative->len);
    c->table_count = count;
    for (Py_ssize_t t = 0; t < count; t++) {
        const uint32_t *row = c->cumulative + t * width;
        int32_t size = load_int32(sizes->buf, t), offset = load_int32(offsets->buf, t);
        if (size < 1 || size >= width || row[0] != 0 || row[size] != end) goto bad;
        int32_t likeliest = 0;
        for (int32_t i = 0; i < size; i++) {
            if (row[i] >= row[i + 1]) goto bad;
            if (row[i + 1] - row[i] > row[likeliest + 1] - row[likeliest]) likeliest = i;
        }
        c->tables[t] = (Table){row, offset, size - c->has_escape, row[likeliest]};
        if ((int64_t)offset + c->tables[t].values - 1 > INT32_MAX) goto bad;
    }
    return 0;
bad:
    PyErr_SetString(PyExc_ValueError, "tables: expected strictly increasing rows of sizes, offsets and precision given");
    return -1;
}

static int fill_channels(Coder *c, const Py_buffer *first_table, const Py_buffer *parent) {
    Py_ssize_t count = parent->len / 4;
    if (!count || first_table->len != parent->len) goto bad;
    if (!(c->channels = malloc(sizeof(Channel) * count))) return PyErr_NoMemory(), -1;
    c->channel_count = count;
    for (Py_ssize_t j = 0; j < count; j++) {
        Channel ch = {load_int32(first_table->buf, j), load_int32(parent->buf, j), 0, 0};
        if (ch.parent >= j || ch.first_table < 0) goto bad;
        if (ch.parent >= 0) {
            const Table *t = c->tables + c->channels[ch.parent].first_table;
            ch.parent_offset = t->offset;
            ch.last_table = t->values > 0 ? t->values - 1 : 0;
        } else ch.parent = -1;
        if ((int64_t)ch.first_table + ch.last_table >= c->table_count) goto bad;
        c->channels[j] = ch;
    }
    return 0;
bad:
    PyErr_SetString(PyExc_ValueError, "channels: expected parents before their children, and tables that exist");
    return -1;
}

static PyObject *Coder_new(PyTypeObject *type, PyObject *args, PyObject *kwargs) {
    PyObject *objects[5];
    int precision_bits, has_escape, opened = 0;
    Py_buffer views[5];
    static const char *names[] = {"cumulative", "sizes", "offsets", "first_table", "parent"};
    if (kwargs && PyDict_Size(kwargs)) return PyErr_SetString(PyExc_TypeError, "Coder: no keyword arguments"), NULL;
    if (!PyArg_ParseTuple(args, "OOOipOO", &objects[0], &objects[1], &objects[2], &precision_bits, &has_escape,
                          &objects[3], &objects[4]))
        return NULL;
    if (precision_bits < 1 || precision_bits > 16)
        return PyErr_SetString(PyExc_ValueError, "precision_bits: expected 1 to 16"), NULL;
    allocfunc allocate = (allocfunc)PyType_GetSlot(type, Py_tp_alloc);
    Coder *c = (Coder *)allocate(type, 0);
    if (!c) return NULL;
    c->precision_bits = precision_bits;
    c->has_escape = has_escape;
    c->bucket_shift = precision_bits > 8 ? precision_bits - 8 : 0;
    c->mask = ((uint32_t)1 << precision_bits) - 1;
    int wanted = objects[4] == Py_None ? 3 : 5, status = 0;
    while (opened < wanted && !(status = open_numbers(objects[opened], &views[opened], names[opened]))) opened++;
    if (!status) status = fill_tables(c, &views[0], &views[1], &views[2]);
    if (!status && wanted == 5) status = fill_channels(c, &views[3], &views[4]);
    while (opened) PyBuffer_Release(&views[--opened]);
    if (!status) return (PyObject *)c;
    Py_DECREF((PyObject *)c);
    return NULL;
}

static void Coder_dealloc(PyObject *self) {
    Coder *c = (Coder *)self;
    PyTypeObject *type = Py_TYPE(self);
    free(c->cumulative);
    free(c->tables);
    free(c->channels);
    free(c->buckets);
    ((freefunc)PyType_GetSlot(type, Py_tp_free))(self);
    Py_DECREF((PyObject *)type);
}

static PyMethodDef coder_methods[] = {
    {"encode", (PyCFunction)(void (*)(void))Coder_encode, METH_FASTCALL, "encode(values, table_indices)"},
    {"decode", (PyCFunction)(void (*)(void))Coder_decode, METH_FASTCALL, "decode(data, table_indices)"},
    {"encode_signals", Coder_encode_signals, METH_O, "encode_signals(values)"},
    {"decode_signals", (PyCFunction)(void (*)(void))Coder_decode_signals, METH_FASTCALL,
     "decode_signals(data, signals)"},
    {"encode_context", (PyCFunction)(void (*)(void))Coder_encode_context, METH_FASTCALL,
     "encode_context(context, values, height, width[, given, mask])"},
    {"decode_context", (PyCFunction)(void (*)(void))Coder_decode_context, METH_FASTCALL,
     "decode_context(context, data, height, width[, given, mask])"},
    {"context_tables", (PyCFunction)(void (*)(void))Coder_context_tables, METH_FASTCALL,
     "context_tables(context, values, height, width[, given, mask])"},
    {"encode_expected", Coder_encode_expected, METH_VARARGS,
     "encode_expected(taps, edges, thresholds, inertia, values, expected, mask, channels, height, width)"},
    {"decode_expected", Coder_decode_expected, METH_VARARGS,
     "decode_expected(taps, edges, thresholds, inertia, data, expected, mask, channels, height, width)"},
    {"expected_tables", Coder_expected_tables, METH_VARARGS,
     "expected_tables(taps, edges, thresholds, inertia, values, expected, mask, channels, height, width)"},
    {0},
};

static PyType_Slot coder_slots[] = {
    {Py_tp_new, Coder_new}, {Py_tp_dealloc, Coder_dealloc}, {Py_tp_methods, coder_methods}, {0, NULL},
};

static PyType_Spec coder_spec = {
    "isthmus.common.bits._range_coder.Coder", sizeof(Coder), 0, Py_TPFLAGS_DEFAULT, coder_slots,
};

static PyType_Slot context_slots[] = {{Py_tp_new, Context_new}, {Py_tp_dealloc, Context_dealloc}, {0, NULL}};

static PyType_Spec context_spec = {
    "isthmus.common.bits._range_coder.Context", sizeof(Context), 0, Py_TPFLAGS_DEFAULT, context_slots,
};

static PyModuleDef module_definition = {
    .m_base = PyModuleDef_HEAD_INIT, .m_name = "_range_coder", .m_doc = "The range coder in C.", .m_size = -1,
};

PyMODINIT_FUNC PyInit__range_coder(void) {
    PyObject *module = PyModule_Create(&module_definition);
    PyObject *coder = PyType_FromSpec(&coder_spec), *context = PyType_FromSpec(&context_spec);
    int is_sound = module && coder && context && PyModule_AddObjectRef(module, "Coder", coder) == 0 &&
                   PyModule_AddObjectRef(module, "Context", context) == 0;
    Py_XDECREF(coder);
    Py_XDECREF(context);
    if (is_sound) return module;
    Py_XDECREF(module);
    return NULL;
}
