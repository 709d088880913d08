/* Makes the ids that are derived from what a job is of, and the messages of jobs. The library's digest takes three times
   as long for a text so short, most of it to set itself up. */

#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

enum {
    BLOCK = 128,
    DIGEST = 16,
    HEADERS = 2 /* that a distribution gives to all its jobs alike */
};

static const uint64_t START[8] = {
    0x6A09E667F3BCC908u, 0xBB67AE8584CAA73Bu, 0x3C6EF372FE94F82Bu, 0xA54FF53A5F1D36F1u,
    0x510E527FADE682D1u, 0x9B05688C2B3E6C1Fu, 0x1F83D9ABFB41BD6Bu, 0x5BE0CD19137E2179u,
};

/* BLAKE2b as in RFC 7693, section 3, without a key. */
typedef struct {
    uint64_t state[8];
    uint64_t taken; /* bytes, those that wait in the block left out */
    size_t waiting;
    unsigned char block[BLOCK];
} Digest;

static uint64_t turned(uint64_t number, int bits)
{
    return number >> bits | number << (64 - bits);
}

static uint64_t read_word(const unsigned char *at)
{
    uint64_t word = 0;
    for (int byte = 7; byte >= 0; byte--) {
        word = word << 8 | at[byte];
    }
    return word;
}

#define MIX(a, b, c, d, one, other)                                                                                    \
    a += b + word[one];                                                                                                \
    d = turned(d ^ a, 32);                                                                                             \
    c += d;                                                                                                            \
    b = turned(b ^ c, 24);                                                                                             \
    a += b + word[other];                                                                                              \
    d = turned(d ^ a, 16);                                                                                             \
    c += d;                                                                                                            \
    b = turned(b ^ c, 63)

#define ROUND(a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p)                                                          \
    MIX(v0, v4, v8, v12, a, b);                                                                                        \
    MIX(v1, v5, v9, v13, c, d);                                                                                        \
    MIX(v2, v6, v10, v14, e, f);                                                                                       \
    MIX(v3, v7, v11, v15, g, h);                                                                                       \
    MIX(v0, v5, v10, v15, i, j);                                                                                       \
    MIX(v1, v6, v11, v12, k, l);                                                                                       \
    MIX(v2, v7, v8, v13, m, n);                                                                                        \
    MIX(v3, v4, v9, v14, o, p)

static void take_block(Digest *digest, uint64_t last)
{
    uint64_t word[16], *state = digest->state;
    for (int place = 0; place < 16; place++) {
        word[place] = read_word(digest->block + 8 * place);
    }
    uint64_t v0 = state[0], v1 = state[1], v2 = state[2], v3 = state[3], v4 = state[4], v5 = state[5], v6 = state[6],
             v7 = state[7], v8 = START[0], v9 = START[1], v10 = START[2], v11 = START[3],
             v12 = START[4] ^ digest->taken, v13 = START[5], v14 = START[6] ^ last, v15 = START[7];
    ROUND(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
    ROUND(14, 10, 4, 8, 9, 15, 13, 6, 1, 12, 0, 2, 11, 7, 5, 3);
    ROUND(11, 8, 12, 0, 5, 2, 15, 13, 10, 14, 3, 6, 7, 1, 9, 4);
    ROUND(7, 9, 3, 1, 13, 12, 11, 14, 2, 6, 5, 10, 4, 0, 15, 8);
    ROUND(9, 0, 5, 7, 2, 4, 10, 15, 14, 1, 11, 12, 6, 8, 3, 13);
    ROUND(2, 12, 6, 10, 0, 11, 8, 3, 4, 13, 7, 5, 15, 14, 1, 9);
    ROUND(12, 5, 1, 15, 14, 13, 4, 10, 0, 7, 6, 3, 9, 2, 8, 11);
    ROUND(13, 11, 7, 14, 12, 1, 3, 9, 5, 0, 15, 4, 8, 6, 2, 10);
    ROUND(6, 15, 14, 9, 11, 3, 0, 8, 12, 2, 13, 7, 1, 4, 10, 5);
    ROUND(10, 2, 8, 4, 7, 6, 1, 5, 15, 11, 9, 14, 3, 12, 13, 0);
    ROUND(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
    ROUND(14, 10, 4, 8, 9, 15, 13, 6, 1, 12, 0, 2, 11, 7, 5, 3);
    state[0] ^= v0 ^ v8;
    state[1] ^= v1 ^ v9;
    state[2] ^= v2 ^ v10;
    state[3] ^= v3 ^ v11;
    state[4] ^= v4 ^ v12;
    state[5] ^= v5 ^ v13;
    state[6] ^= v6 ^ v14;
    state[7] ^= v7 ^ v15;
}

static void take(Digest *digest, const char *at, size_t left)
{
    while (left > 0) {
        /* A full block waits until more comes: the last one is taken in another way. */
        if (digest->waiting == BLOCK) {
            digest->taken += BLOCK;
            take_block(digest, 0);
            digest->waiting = 0;
        }
        size_t room = BLOCK - digest->waiting, length = left < room ? left : room;
        memcpy(digest->block + digest->waiting, at, length);
        digest->waiting += length;
        at += length;
        left -= length;
    }
}

static void put_digest(char *at, Digest *digest)
{
    digest->taken += digest->waiting;
    memset(digest->block + digest->waiting, 0, BLOCK - digest->waiting);
    take_block(digest, UINT64_MAX);
    for (int place = 0; place < DIGEST; place++) {
        unsigned char byte = (unsigned char)(digest->state[place / 8] >> 8 * (place % 8));
        *at++ = "0123456789abcdef"[byte >> 4];
        *at++ = "0123456789abcdef"[byte & 15];
    }
}

static bool are_bytes(PyObject *const *given, Py_ssize_t count)
{
    for (Py_ssize_t place = 0; place < count; place++) {
        if (!PyBytes_CheckExact(given[place])) {
            return false;
        }
    }
    return true;
}

static PyObject *derived_id(PyObject *Py_UNUSED(module), PyObject *const *given, Py_ssize_t count)
{
    if (count < 1 || !are_bytes(given, count)) {
        PyErr_SetString(PyExc_TypeError, "a prefix and texts are needed, as bytes");
        return NULL;
    }
    Py_ssize_t length = PyBytes_GET_SIZE(given[0]);
    PyObject *made = PyBytes_FromStringAndSize(NULL, length + 2 * DIGEST);
    if (made == NULL) {
        return NULL;
    }
    Digest digest = {.waiting = 0};
    memcpy(digest.state, START, sizeof START);
    digest.state[0] ^= 0x01010000 ^ DIGEST;
    for (Py_ssize_t text = 1; text < count; text++) {
        if (text > 1) {
            take(&digest, "\x1F", 1);
        }
        take(&digest, PyBytes_AS_STRING(given[text]), (size_t)PyBytes_GET_SIZE(given[text]));
    }
    memcpy(PyBytes_AS_STRING(made), PyBytes_AS_STRING(given[0]), (size_t)length);
    put_digest(PyBytes_AS_STRING(made) + length, &digest);
    return made;
}

static char *put(char *at, PyObject *bytes)
{
    memcpy(at, PyBytes_AS_STRING(bytes), (size_t)PyBytes_GET_SIZE(bytes));
    return at + PyBytes_GET_SIZE(bytes);
}

static PyObject *make_job(PyObject *own_id, PyObject *const *pieces)
{
    static const char head[] = "{\"id\":\"";
    Py_ssize_t length = sizeof head - 1 + PyBytes_GET_SIZE(own_id);
    for (int piece = 0; piece < 3; piece++) {
        length += PyBytes_GET_SIZE(pieces[piece]);
    }
    PyObject *made = PyBytes_FromStringAndSize(NULL, length);
    if (made != NULL) {
        char *at = PyBytes_AS_STRING(made);
        memcpy(at, head, sizeof head - 1);
        at = put(at + sizeof head - 1, own_id);
        for (int piece = 0; piece < 3; piece++) {
            at = put(at, pieces[piece]);
        }
    }
    return made;
}

static PyObject *make_headers(PyObject *id_name, PyObject *own_id, PyObject *headers, PyObject *cause)
{
    PyObject *own = PyTuple_Pack(2, id_name, own_id), *made = own == NULL ? NULL : PyList_New(HEADERS + 2);
    if (made == NULL) {
        Py_XDECREF(own);
        return NULL;
    }
    PyList_SET_ITEM(made, 0, own);
    for (int place = 0; place < HEADERS; place++) {
        PyList_SET_ITEM(made, place + 1, Py_NewRef(PyTuple_GET_ITEM(headers, place)));
    }
    PyList_SET_ITEM(made, HEADERS + 1, Py_NewRef(cause));
    return made;
}

static PyObject *job_message(PyObject *module, PyObject *const *given, Py_ssize_t count)
{
    if (count != 7 || !are_bytes(given, 5) || !PyTuple_CheckExact(given[5]) ||
        PyTuple_GET_SIZE(given[5]) != HEADERS || !PyTuple_CheckExact(given[6])) {
        PyErr_SetString(PyExc_TypeError, "a key, an id and three pieces are needed, as bytes, two headers and one more");
        return NULL;
    }
    PyObject *message = PyTuple_New(3);
    if (message == NULL) {
        return NULL;
    }
    PyObject *id_name = *(PyObject **)PyModule_GetState(module);
    PyTuple_SET_ITEM(message, 0, Py_NewRef(given[0]));
    PyTuple_SET_ITEM(message, 1, make_job(given[1], given + 2));
    PyTuple_SET_ITEM(message, 2, make_headers(id_name, given[1], given[5], given[6]));
    if (PyTuple_GET_ITEM(message, 1) == NULL || PyTuple_GET_ITEM(message, 2) == NULL) {
        Py_DECREF(message);
        return NULL;
    }
    return message;
}

static PyMethodDef methods[] = {
    {"derived_id", (PyCFunction)(void (*)(void))derived_id, METH_FASTCALL, "See streamproc.domain.messages."},
    {"job_message", (PyCFunction)(void (*)(void))job_message, METH_FASTCALL, "See streamproc.domain.messages."},
    {NULL, NULL, 0, NULL},
};

static int set_up(PyObject *module)
{
    PyObject **id_name = PyModule_GetState(module);
    *id_name = PyUnicode_InternFromString("job-id");
    return *id_name == NULL ? -1 : 0;
}

static PyModuleDef_Slot slots[] = {{Py_mod_exec, set_up}, {0, NULL}};

static struct PyModuleDef module = {
    PyModuleDef_HEAD_INIT, "_messages", NULL, sizeof(PyObject *), methods, slots, NULL, NULL, NULL};

PyMODINIT_FUNC PyInit__messages(void)
{
    return PyModuleDef_Init(&module);
}
