/* Histograms of an image's latents in C: the same floats as the NumPy reference in histogram.py, bit for bit.
 *
 * Most latents are 0, and a counter that was just stored must be loaded again for the next of them. So LANES latents at a
 * time count into tables of their own, which are added up at the end of a channel. A share is one division in double
 * precision, rounded once to single, as NumPy does it. */
#ifndef Py_LIMITED_API
#define Py_LIMITED_API 0x030B0000
#endif
#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define LANES 4
#define MAX_BINS (1 << 16)
#define RELEASE_GIL_ABOVE (1 << 14) /* latents; under this, letting go may cost more than the work */

static inline int32_t clipped(int32_t value, int32_t most) {
    value = value < most ? value : most;
    return value > -most ? value : -most;
}

/* Shares of one channel's values; `counts` is [LANES][bins], for use inside. */
static void channel_shares(const int32_t *values, Py_ssize_t n, int32_t bins, int32_t most, uint32_t *counts,
                           float *shares) {
    uint32_t *zero[LANES]; /* where each table counts the value 0 */
    for (int lane = 0; lane < LANES; lane++) zero[lane] = counts + (Py_ssize_t)lane * bins + bins / 2;
    memset(counts, 0, sizeof(uint32_t) * LANES * bins);
    Py_ssize_t i = 0;
    for (; i + LANES <= n; i += LANES)
        for (int lane = 0; lane < LANES; lane++) zero[lane][clipped(values[i + lane], most)]++;
    for (; i < n; i++) zero[0][clipped(values[i], most)]++;
    for (int32_t bin = 0; bin < bins; bin++) {
        uint64_t count = 0;
        for (int lane = 0; lane < LANES; lane++) count += counts[(Py_ssize_t)lane * bins + bin];
        shares[bin] = (float)((double)count / (double)n);
    }
}

static PyObject *shares(PyObject *self, PyObject *args) {
    (void)self;
    Py_buffer values;
    Py_ssize_t channels;
    int bins, most;
    if (!PyArg_ParseTuple(args, "y*nii", &values, &channels, &bins, &most)) return NULL;
    PyObject *made = NULL;
    uint32_t *counts = NULL;
    Py_ssize_t total = values.len / (Py_ssize_t)sizeof(int32_t);
    if (values.len % (Py_ssize_t)sizeof(int32_t) || channels < 1 || total < channels || total % channels ||
        total / channels > INT32_MAX) {
        PyErr_SetString(PyExc_ValueError, "values: expected int32 numbers, as many of each channel");
        goto end;
    }
    if (bins < 2 || bins > MAX_BINS || bins % 2 || most < 0 || most >= bins / 2) {
        PyErr_SetString(PyExc_ValueError, "bins: expected an even number of them, and a largest value within");
        goto end;
    }
    made = PyBytes_FromStringAndSize(NULL, channels * bins * (Py_ssize_t)sizeof(float));
    counts = malloc(sizeof(uint32_t) * LANES * bins);
    if (!made || !counts) {
        Py_CLEAR(made);
        PyErr_NoMemory();
        goto end;
    }
    float *out = (float *)PyBytes_AsString(made);
    PyThreadState *state = total > RELEASE_GIL_ABOVE ? PyEval_SaveThread() : NULL;
    for (Py_ssize_t channel = 0; channel < channels; channel++)
        channel_shares((const int32_t *)values.buf + channel * (total / channels), total / channels, bins, most, counts,
                       out + channel * bins);
    if (state) PyEval_RestoreThread(state);
end:
    free(counts);
    PyBuffer_Release(&values);
    return made;
}

static PyMethodDef methods[] = {
    {"shares", shares, METH_VARARGS, "shares(values, channels, bins, most)"},
    {0},
};

static PyModuleDef module_definition = {
    .m_base = PyModuleDef_HEAD_INIT,
    .m_name = "_histogram",
    .m_doc = "Histograms of latents in C.",
    .m_size = -1,
    .m_methods = methods,
};

PyMODINIT_FUNC PyInit__histogram(void) { return PyModule_Create(&module_definition); }
