/* A narrow edge half in C: the same symbols as its ONNX graph and as the reference in pointwise.py, bit for bit.
 *
 * Theory of operation. Every sum is an integer under 2**24 (pointwise.py proves it from the weights before they come
 * here), and the powers of two of the steps are folded into weights and biases, which scales exactly: so float32, with
 * or without fused multiply-add, in any order and vector width, has one right answer. What is left is to be quick:
 * BLOCK points go through all layers while their activations stay in the first-level cache; weights of zero (grouped
 * layers have many) are left out; an output takes its inputs in chunks of 8 or 4, so that sums stay in registers; all
 * loops over points are plain, of constant length, and vectorised by the compiler. A last block that is not full
 * repeats the last point, which no maximum notices.
 *
 * Steps and maxima work on the floats' bits as int32: not-negative floats are ordered as their bits are, and negative
 * ones (with -0) become negative integers, which the clip at 0 takes away. Coordinates are expected in [-1, 1]; others,
 * NaN and infinity among them, give some symbol in range and never a wrong access: no index depends on a coordinate. */
#ifndef Py_LIMITED_API
#define Py_LIMITED_API 0x030B0000
#endif
#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define BLOCK 128      /* points */
#define CHUNK 8        /* inputs */
#define AXES 3
#define MAX_LAYERS 16
#define MAX_WIDTH 256
#define MAX_SCORES 65536
#define MAX_SHIFT 24
#define MAX_INPUT_BITS 20
#define EXACT_LIMIT (1 << 24)
#define LANES 16                    /* rows of scores are padded to a multiple */
#define RELEASE_GIL_ABOVE (1 << 14) /* points; under this, letting go may cost more than the work */
#define INLINE static inline __attribute__((always_inline))

typedef struct {
    int32_t row[CHUNK]; /* inputs; unused places repeat one with weight 0 */
    float weight[CHUNK];
} Chunk;

typedef struct {
    float bias;
    int32_t chunks, has_half; /* whether the last chunk has at most 4 inputs */
} Output;

typedef struct {
    int32_t outputs;
    float top;
} Layer;

typedef struct Net {
    PyObject_HEAD
    void (*forward)(const struct Net *, const char *, Py_ssize_t, Py_ssize_t, float *, int32_t *);
    Layer layers[MAX_LAYERS];
    int32_t layer_count, head_count, head_size, score_count, padded_scores, widest;
    float input_scale;
    Chunk *chunks;      /* layer by layer, output by output */
    Output *outputs;    /* layer by layer */
    float *head_weight; /* [last width][padded_scores] */
    float *head_bias;   /* [padded_scores] */
} Net;

enum { STORE, STEP, POOL };

INLINE int32_t bits_of(float value) {
    int32_t bits;
    memcpy(&bits, &value, 4);
    return bits;
}

INLINE float float_of(int32_t bits) {
    float value;
    memcpy(&value, &bits, 4);
    return value;
}

/* clip(floor(value), 0, top) of a value's bits. */
INLINE float step(int32_t bits, int32_t top) {
    bits = bits > 0 ? bits : 0;
    bits = bits < top ? bits : top;
    return (float)(int32_t)float_of(bits);
}

/* One chunk of one output: to `bias` or to the sums begun in `out`, adds the inputs; then stores, steps or pools. */
INLINE int32_t add_chunk(const Chunk *c, const int is_half, const int is_first, const int end, float bias, float top,
                         const float *in, float *restrict out) {
    const float *x0 = in + c->row[0] * BLOCK, *x1 = in + c->row[1] * BLOCK, *x2 = in + c->row[2] * BLOCK,
                *x3 = in + c->row[3] * BLOCK, *x4 = in + c->row[4] * BLOCK, *x5 = in + c->row[5] * BLOCK,
                *x6 = in + c->row[6] * BLOCK, *x7 = in + c->row[7] * BLOCK;
    const float w0 = c->weight[0], w1 = c->weight[1], w2 = c->weight[2], w3 = c->weight[3], w4 = c->weight[4],
                w5 = c->weight[5], w6 = c->weight[6], w7 = c->weight[7];
    const int32_t top_bits = bits_of(top);
    int32_t largest = 0;
    for (int p = 0; p < BLOCK; p++) {
        float v = is_first ? bias : out[p];
        v += w0 * x0[p];
        v += w1 * x1[p];
        v += w2 * x2[p];
        v += w3 * x3[p];
        if (!is_half) {
            v += w4 * x4[p];
            v += w5 * x5[p];
            v += w6 * x6[p];
            v += w7 * x7[p];
        }
        if (end == POOL) {
            int32_t bits = bits_of(v);
            largest = bits > largest ? bits : largest;
        } else {
            out[p] = end == STEP ? step(bits_of(v), top_bits) : v;
        }
    }
    return largest;
}

INLINE int32_t one_output(const Chunk *c, const Output *o, const int end, float top, const float *in, float *out) {
    int32_t last = o->chunks - 1;
    if (last == 0)
        return o->has_half ? add_chunk(c, 1, 1, end, o->bias, top, in, out)
                           : add_chunk(c, 0, 1, end, o->bias, top, in, out);
    add_chunk(c, 0, 1, STORE, o->bias, top, in, out);
    for (int32_t i = 1; i < last; i++) add_chunk(c + i, 0, 0, STORE, 0, top, in, out);
    return o->has_half ? add_chunk(c + last, 1, 0, end, 0, top, in, out)
                       : add_chunk(c + last, 0, 0, end, 0, top, in, out);
}

/* Up to BLOCK points of one cloud [AXES][stride] through all layers; maxima into `pooled`. */
INLINE void one_block(const Net *net, const char *points, Py_ssize_t stride, Py_ssize_t count, float *in, float *out,
                      int32_t *pooled) {
    for (int axis = 0; axis < AXES; axis++) {
        float *row = in + axis * BLOCK;
        memcpy(row, points + 4 * axis * stride, 4 * count);
        for (Py_ssize_t p = count; p < BLOCK; p++) row[p] = row[count - 1];
        for (int p = 0; p < BLOCK; p++) row[p] = rintf(row[p] * net->input_scale);
    }
    const Chunk *c = net->chunks;
    const Output *o = net->outputs;
    for (int32_t l = 0; l < net->layer_count - 1; l++) {
        const Layer *layer = net->layers + l;
        for (int32_t i = 0; i < layer->outputs; i++, c += o->chunks, o++)
            one_output(c, o, STEP, layer->top, in, out + i * BLOCK);
        float *swap = in;
        in = out;
        out = swap;
    }
    for (int32_t i = 0; i < net->layers[net->layer_count - 1].outputs; i++, c += o->chunks, o++) {
        int32_t largest = one_output(c, o, POOL, 0, in, out);
        pooled[i] = largest > pooled[i] ? largest : pooled[i];
    }
}

/* First arg-max of each head over the scores of the pooled activations. */
INLINE void choose(const Net *net, const int32_t *pooled, float *scores, int32_t *symbols) {
    const Layer *last = net->layers + net->layer_count - 1;
    const float *weight = net->head_weight;
    int32_t n = net->padded_scores, top = bits_of(last->top);
    memcpy(scores, net->head_bias, 4 * (size_t)n);
    for (int32_t i = 0; i < last->outputs; i++, weight += n) {
        float a = step(pooled[i], top);
        for (int32_t j = 0; j < n; j++) scores[j] += a * weight[j];
    }
    for (int32_t h = 0; h < net->head_count; h++) {
        const float *row = scores + (size_t)h * net->head_size;
        int32_t best = 0;
        for (int32_t j = 1; j < net->head_size; j++)
            if (row[j] > row[best]) best = j;
        symbols[h] = best;
    }
}

/* Floats of scratch memory: two sets of activations, the scores, the maxima. */
static size_t scratch_count(const Net *net) {
    return 2 * (size_t)net->widest * BLOCK + (size_t)net->padded_scores + MAX_WIDTH;
}

INLINE void forward_any(const Net *net, const char *points, Py_ssize_t batch, Py_ssize_t count, float *scratch,
                        int32_t *symbols) {
    float *in = scratch, *out = in + (size_t)net->widest * BLOCK, *scores = out + (size_t)net->widest * BLOCK;
    int32_t *pooled = (int32_t *)(void *)(scores + net->padded_scores);
    for (; batch--; points += 4 * AXES * count, symbols += net->head_count) {
        memset(pooled, 0, 4 * MAX_WIDTH);
        for (Py_ssize_t at = 0; at < count; at += BLOCK)
            one_block(net, points + 4 * at, count, count - at < BLOCK ? count - at : BLOCK, in, out, pooled);
        choose(net, pooled, scores, symbols);
    }
}

/* One body, compiled for each instruction set; the processor decides when a network is made. */
#define FORWARD(name, attribute)                                                                                   \
    attribute static void name(const Net *net, const char *points, Py_ssize_t batch, Py_ssize_t count,             \
                               float *scratch, int32_t *symbols) {                                                 \
        forward_any(net, points, batch, count, scratch, symbols);                                                  \
    }

FORWARD(forward_plain, )
#if defined(__x86_64__) && defined(__GNUC__) && !defined(__AVX512F__)
#define HAS_VARIANTS 1
FORWARD(forward_avx2, __attribute__((target("avx2,fma"))))
FORWARD(forward_avx512, __attribute__((target("avx512f,avx2,fma"))))
#endif

static void pick_variant(Net *net, int level) {
    net->forward = forward_plain;
#ifdef HAS_VARIANTS
    __builtin_cpu_init();
    int has_avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
    if (level >= 1 && has_avx2) net->forward = forward_avx2;
    if (level >= 2 && has_avx2 && __builtin_cpu_supports("avx512f")) net->forward = forward_avx512;
#else
    (void)level;
#endif
}

/* ---- the Python type ---- */

static inline int32_t load_int32(const char *from, Py_ssize_t index) {
    int32_t value;
    memcpy(&value, from + 4 * index, 4);
    return value;
}

enum { WIDTHS, TOPS, WEIGHTS, BIASES, SHIFTS, HEAD_WEIGHT, HEAD_BIAS, BUFFERS };

static void *zeros(size_t count, size_t size) {
    /* Never nothing, since that may be NULL. */
    return calloc(count ? count : 1, size);
}

/* The nonzero weights of one output as chunks, scaled by its step; the end of what was written. */
static Chunk *fill_output(Output *o, Chunk *c, const char *weights, Py_ssize_t at, int32_t inputs, float scale) {
    int used = 0;
    o->chunks = 1;
    for (int32_t j = 0; j < inputs; j++) {
        int32_t weight = load_int32(weights, at + j);
        if (!weight) continue;
        if (used == CHUNK) c++, o->chunks++, used = 0;
        c->row[used] = j;
        c->weight[used++] = (float)weight * scale;
    }
    o->has_half = used <= CHUNK / 2;
    return c + 1;
}

/* Copies a network and checks everything the loops rely on; 0, or -1 with an exception. */
static int fill(Net *net, const Py_buffer *views) {
    Py_ssize_t layers = views[TOPS].len / 4, outputs = 0, weights = 0, most_chunks = 0;
    if (layers < 1 || layers > MAX_LAYERS || views[WIDTHS].len != 4 * (layers + 1)) goto bad;
    if (load_int32(views[WIDTHS].buf, 0) != AXES) goto bad;
    net->layer_count = (int32_t)layers;
    net->widest = AXES;
    for (Py_ssize_t l = 0; l < layers; l++) {
        int32_t in = load_int32(views[WIDTHS].buf, l), out = load_int32(views[WIDTHS].buf, l + 1);
        int32_t top = load_int32(views[TOPS].buf, l);
        if (out < 1 || out > MAX_WIDTH || top < 1 || top >= EXACT_LIMIT) goto bad;
        net->layers[l] = (Layer){out, (float)top};
        outputs += out;
        weights += (Py_ssize_t)in * out;
        most_chunks += (Py_ssize_t)((in + CHUNK - 1) / CHUNK) * out;
        if (out > net->widest) net->widest = out;
    }
    if (views[WEIGHTS].len != 4 * weights || views[BIASES].len != 4 * outputs || views[SHIFTS].len != 4 * outputs)
        goto bad;
    Py_ssize_t scores = views[HEAD_BIAS].len / 4, last = net->layers[layers - 1].outputs;
    if (scores < 1 || scores > MAX_SCORES || net->head_count < 1 || scores % net->head_count) goto bad;
    if (views[HEAD_WEIGHT].len != 4 * scores * last) goto bad;
    net->head_size = (int32_t)(scores / net->head_count);
    net->score_count = (int32_t)scores;
    net->padded_scores = (int32_t)((scores + LANES - 1) / LANES * LANES);
    net->chunks = zeros(most_chunks, sizeof(Chunk));
    net->outputs = zeros(outputs, sizeof(Output));
    net->head_weight = zeros((size_t)last * net->padded_scores, 4);
    net->head_bias = zeros(net->padded_scores, 4);
    if (!net->chunks || !net->outputs || !net->head_weight || !net->head_bias) return PyErr_NoMemory(), -1;
    Chunk *c = net->chunks;
    Output *o = net->outputs;
    Py_ssize_t at = 0;
    for (Py_ssize_t l = 0; l < layers; l++) {
        int32_t inputs = l ? net->layers[l - 1].outputs : AXES;
        for (int32_t i = 0; i < net->layers[l].outputs; i++, o++, at += inputs) {
            int32_t shift = load_int32(views[SHIFTS].buf, o - net->outputs);
            if (shift < 0 || shift > MAX_SHIFT) goto bad;
            float scale = 1.0f / (float)((int32_t)1 << shift);
            o->bias = (float)load_int32(views[BIASES].buf, o - net->outputs) * scale;
            c = fill_output(o, c, views[WEIGHTS].buf, at, inputs, scale);
        }
    }
    for (Py_ssize_t j = 0; j < scores; j++) {
        net->head_bias[j] = (float)load_int32(views[HEAD_BIAS].buf, j);
        for (Py_ssize_t i = 0; i < last; i++)
            net->head_weight[i * net->padded_scores + j] = (float)load_int32(views[HEAD_WEIGHT].buf, j * last + i);
    }
    return 0;
bad:
    PyErr_SetString(PyExc_ValueError, "network: expected layers and heads whose sizes, steps and limits fit");
    return -1;
}

/* Memory of whole 4-byte numbers, or an exception. */
static int open_numbers(PyObject *object, Py_buffer *view, const char *name) {
    if (PyObject_GetBuffer(object, view, PyBUF_SIMPLE) < 0) return -1;
    if (view->len % 4 == 0) return 0;
    PyBuffer_Release(view);
    PyErr_Format(PyExc_ValueError, "%s: expected a buffer of 4-byte numbers", name);
    return -1;
}

static PyObject *Net_new(PyTypeObject *type, PyObject *args, PyObject *kwargs) {
    static const char *names[] = {"widths", "tops", "weights", "biases", "shifts", "head_weight", "head_bias"};
    PyObject *objects[BUFFERS];
    Py_buffer views[BUFFERS];
    int input_bits, head_count, level = 2, opened = 0, status = 0;
    if (kwargs && PyDict_Size(kwargs)) return PyErr_SetString(PyExc_TypeError, "Network: no keyword arguments"), NULL;
    if (!PyArg_ParseTuple(args, "iiOOOOOOO|i", &input_bits, &head_count, &objects[WIDTHS], &objects[TOPS],
                          &objects[WEIGHTS], &objects[BIASES], &objects[SHIFTS], &objects[HEAD_WEIGHT],
                          &objects[HEAD_BIAS], &level))
        return NULL;
    if (input_bits < 0 || input_bits > MAX_INPUT_BITS)
        return PyErr_Format(PyExc_ValueError, "input_bits: expected 0 to %d", MAX_INPUT_BITS), NULL;
    allocfunc allocate = (allocfunc)PyType_GetSlot(type, Py_tp_alloc);
    Net *net = (Net *)allocate(type, 0);
    if (!net) return NULL;
    net->head_count = head_count;
    net->input_scale = (float)((int32_t)1 << input_bits);
    pick_variant(net, level);
    while (opened < BUFFERS && !(status = open_numbers(objects[opened], &views[opened], names[opened]))) opened++;
    if (!status) status = fill(net, views);
    while (opened) PyBuffer_Release(&views[--opened]);
    if (!status) return (PyObject *)net;
    Py_DECREF((PyObject *)net);
    return NULL;
}

static PyObject *Net_run(PyObject *self, PyObject *const *args, Py_ssize_t n) {
    const Net *net = (const Net *)self;
    if (n != 2) return PyErr_Format(PyExc_TypeError, "expected 2 arguments, got %zd", n);
    Py_ssize_t count = PyLong_AsSsize_t(args[1]);
    if (count == -1 && PyErr_Occurred()) return NULL;
    Py_buffer view;
    if (open_numbers(args[0], &view, "points") < 0) return NULL;
    PyObject *result = NULL;
    float *scratch = NULL;
    if (count < 1 || count > PY_SSIZE_T_MAX / (4 * AXES) || view.len % (4 * AXES * count)) {
        PyErr_SetString(PyExc_ValueError, "points: expected whole clouds [3][count] of at least one point");
        goto done;
    }
    Py_ssize_t batch = view.len / (4 * AXES * count);
    if (batch > PY_SSIZE_T_MAX / 8 / net->head_count) {
        PyErr_NoMemory();
        goto done;
    }
    /* Whole cache lines, as aligned_alloc wants. */
    scratch = aligned_alloc(64, (4 * scratch_count(net) + 63) / 64 * 64);
    if (!scratch) {
        PyErr_NoMemory();
        goto done;
    }
    if (!(result = PyBytes_FromStringAndSize(NULL, 4 * batch * net->head_count))) goto done;
    int32_t *symbols = (int32_t *)(void *)PyBytes_AsString(result);
    PyThreadState *thread = view.len / (4 * AXES) > RELEASE_GIL_ABOVE ? PyEval_SaveThread() : NULL;
    net->forward(net, view.buf, batch, count, scratch, symbols);
    if (thread) PyEval_RestoreThread(thread);
done:
    free(scratch);
    PyBuffer_Release(&view);
    return result;
}

static void Net_dealloc(PyObject *self) {
    Net *net = (Net *)self;
    PyTypeObject *type = Py_TYPE(self);
    free(net->chunks);
    free(net->outputs);
    free(net->head_weight);
    free(net->head_bias);
    ((freefunc)PyType_GetSlot(type, Py_tp_free))(self);
    Py_DECREF((PyObject *)type);
}

static PyMethodDef net_methods[] = {
    {"run", (PyCFunction)(void (*)(void))Net_run, METH_FASTCALL, "run(points, count)"},
    {0},
};

static PyType_Slot net_slots[] = {
    {Py_tp_new, Net_new}, {Py_tp_dealloc, Net_dealloc}, {Py_tp_methods, net_methods}, {0, NULL},
};

static PyType_Spec net_spec = {
    "isthmus.runtime._pointwise.Network", sizeof(Net), 0, Py_TPFLAGS_DEFAULT, net_slots,
};

static PyModuleDef module_definition = {
    .m_base = PyModuleDef_HEAD_INIT, .m_name = "_pointwise", .m_doc = "Narrow edge halves in C.", .m_size = -1,
};

PyMODINIT_FUNC PyInit__pointwise(void) {
    PyObject *module = PyModule_Create(&module_definition), *type = PyType_FromSpec(&net_spec);
    if (module && type && PyModule_AddObjectRef(module, "Network", type) == 0) {
        Py_DECREF(type);
        return module;
    }
    Py_XDECREF(type);
    Py_XDECREF(module);
    return NULL;
}
