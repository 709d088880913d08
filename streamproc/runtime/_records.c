/* Reads the records of a batch (KIP-98, version 2, uncompressed) in one call. The client makes a larger object of each, with
   a list for its headers, one record at a time, and computes checksums without the processor's help. */

#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <structmember.h>

#include <stdbool.h>

#include "_batch.h"

/* While a shorter batch is looked at, no other thread would get on. */
enum { WORTH_LETTING_OTHERS_RUN = 16384 };

typedef struct {
    PyObject_HEAD
    long long offset;
    long long timestamp;
    PyObject *key;
    PyObject *value;
    PyObject *headers;
} FetchedRecord;

/* What of a batch has been read so far. */
typedef struct {
    const char *at;
    const char *end;
} Rest;

static PyObject *no_headers;

static void record_dealloc(FetchedRecord *record)
{
    Py_XDECREF(record->key);
    Py_XDECREF(record->value);
    Py_XDECREF(record->headers);
    PyObject_Free(record);
}

static PyMemberDef members[] = {
    {"offset", T_LONGLONG, offsetof(FetchedRecord, offset), READONLY, "Its place in the partition."},
    {"timestamp", T_LONGLONG, offsetof(FetchedRecord, timestamp), READONLY, "In milliseconds since the epoch."},
    {"key", T_OBJECT, offsetof(FetchedRecord, key), READONLY, "Bytes or None."},
    {"value", T_OBJECT, offsetof(FetchedRecord, value), READONLY, "Bytes or None."},
    {"headers", T_OBJECT, offsetof(FetchedRecord, headers), READONLY, "Tuples of name and value."},
    {NULL, 0, 0, 0, NULL},
};

/* Its parts are bytes, texts and tuples of those, so it is in no cycle and the collector need not know it. */
static PyTypeObject fetched_record = {
    PyVarObject_HEAD_INIT(NULL, 0).tp_name = "streamproc.runtime._records.FetchedRecord",
    .tp_doc = "A record as it was fetched.",
    .tp_basicsize = sizeof(FetchedRecord),
    .tp_dealloc = (destructor)record_dealloc,
    .tp_flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_DISALLOW_INSTANTIATION,
    .tp_members = members,
};

static uint64_t number_at(const char *at, int bytes)
{
    uint64_t number = 0;
    for (int place = 0; place < bytes; place++) {
        number = number << 8 | (unsigned char)at[place];
    }
    return number;
}

/* Reads a number of variable length; false where there is none. */
static bool read_varint(Rest *rest, int64_t *number)
{
    uint64_t found = 0;
    for (int shift = 0; rest->at < rest->end && shift < 64; shift += 7) {
        unsigned char byte = (unsigned char)*rest->at++;
        found |= (uint64_t)(byte & 0x7F) << shift;
        if (byte < 0x80) {
            *number = (int64_t)(found >> 1 ^ -(found & 1));
            return true;
        }
    }
    return false;
}

static void *malformed(void)
{
    PyErr_SetString(PyExc_ValueError, "the batch holds something that is no record");
    return NULL;
}

/* Reads the length of a text and returns its start; NULL with an exception where it does not fit. -1 is null. */
static const char *read_length(Rest *rest, int64_t *length)
{
    if (!read_varint(rest, length) || *length > rest->end - rest->at) {
        return malformed();
    }
    const char *start = rest->at;
    if (*length > 0) {
        rest->at += *length;
    }
    return start;
}

/* Reads bytes, or None for null. */
static PyObject *read_bytes(Rest *rest)
{
    int64_t length;
    const char *start = read_length(rest, &length);
    if (start == NULL) {
        return NULL;
    }
    if (length < 0) {
        Py_RETURN_NONE;
    }
    return PyBytes_FromStringAndSize(start, (Py_ssize_t)length);
}

static PyObject *read_header(Rest *rest)
{
    int64_t length;
    const char *start = read_length(rest, &length);
    if (start == NULL || length < 0) {
        return start == NULL ? NULL : malformed();
    }
    PyObject *name = PyUnicode_DecodeUTF8(start, (Py_ssize_t)length, NULL);
    PyObject *value = name == NULL ? NULL : read_bytes(rest);
    PyObject *header = value == NULL ? NULL : PyTuple_Pack(2, name, value);
    Py_XDECREF(name);
    Py_XDECREF(value);
    return header;
}

static PyObject *read_headers(Rest *rest)
{
    int64_t count;
    /* Each takes two bytes at least. */
    if (!read_varint(rest, &count) || count < 0 || count > (rest->end - rest->at) / 2) {
        return malformed();
    }
    if (count == 0) {
        return Py_NewRef(no_headers);
    }
    PyObject *headers = PyTuple_New((Py_ssize_t)count);
    for (Py_ssize_t place = 0; headers != NULL && place < count; place++) {
        PyObject *header = read_header(rest);
        if (header == NULL) {
            Py_CLEAR(headers);
        } else {
            PyTuple_SET_ITEM(headers, place, header);
        }
    }
    return headers;
}

/* Reads one record; its times and offsets are told from those of its batch. */
static FetchedRecord *read_record(Rest *rest, int64_t first_offset, int64_t first_timestamp)
{
    int64_t length, since, further;
    if (!read_varint(rest, &length) || length < 1 || length > rest->end - rest->at) {
        return malformed();
    }
    Rest own = {rest->at + 1, rest->at + length}; /* behind the attributes, of which none is in use */
    rest->at = own.end;
    if (!read_varint(&own, &since) || !read_varint(&own, &further)) {
        return malformed();
    }
    FetchedRecord *record = PyObject_New(FetchedRecord, &fetched_record);
    if (record == NULL) {
        return NULL;
    }
    record->offset = (int64_t)((uint64_t)first_offset + (uint64_t)further);
    record->timestamp = (int64_t)((uint64_t)first_timestamp + (uint64_t)since);
    record->value = record->headers = NULL;
    if ((record->key = read_bytes(&own)) == NULL || (record->value = read_bytes(&own)) == NULL ||
        (record->headers = read_headers(&own)) == NULL || (own.at != own.end && malformed() == NULL)) {
        Py_CLEAR(record);
    }
    return record;
}

/* Finds the batch that starts somewhere in the data; false with an exception where there is not the whole of one. */
static bool find_batch(PyObject *data, Py_ssize_t start, Rest *batch)
{
    if (!PyBytes_CheckExact(data)) {
        PyErr_Format(PyExc_TypeError, "bytes are needed, not %.100s", Py_TYPE(data)->tp_name);
        return false;
    }
    Py_ssize_t size = PyBytes_GET_SIZE(data);
    if (start >= 0 && start < size - MAGIC) {
        const char *at = PyBytes_AS_STRING(data) + start;
        Py_ssize_t length = LEADER_EPOCH + (Py_ssize_t)(int32_t)number_at(at + LENGTH, 4);
        /* Those of older versions are single messages, and may be shorter. */
        if (length > (at[MAGIC] == VERSION ? RECORDS - 1 : MAGIC) && length <= size - start) {
            *batch = (Rest){at, at + length};
            return true;
        }
    }
    PyErr_SetString(PyExc_ValueError, "there is no whole batch in this place");
    return false;
}

static PyObject *is_intact(PyObject *Py_UNUSED(module), PyObject *given)
{
    PyObject *data;
    Py_ssize_t start;
    Rest batch;
    if (!PyArg_ParseTuple(given, "On", &data, &start) || !find_batch(data, start, &batch)) {
        return NULL;
    }
    if (batch.at[MAGIC] != VERSION) {
        Py_RETURN_NONE;
    }
    const char *covered = batch.at + ATTRIBUTES;
    size_t length = (size_t)(batch.end - covered);
    uint32_t sum;
    if (length < WORTH_LETTING_OTHERS_RUN) {
        sum = checksum(covered, length);
    } else {
        /* The data cannot go: who calls has it. */
        Py_BEGIN_ALLOW_THREADS
        sum = checksum(covered, length);
        Py_END_ALLOW_THREADS
    }
    return PyBool_FromLong(sum == (uint32_t)number_at(batch.at + CHECKSUM, 4));
}

static PyObject *append_records(PyObject *Py_UNUSED(module), PyObject *given)
{
    PyObject *found, *data;
    Py_ssize_t start;
    long long from;
    Rest batch;
    if (!PyArg_ParseTuple(given, "O!OnL", &PyList_Type, &found, &data, &start, &from) ||
        !find_batch(data, start, &batch)) {
        return NULL;
    }
    if (batch.at[MAGIC] != VERSION) {
        Py_RETURN_FALSE;
    }
    unsigned attributes = (unsigned)number_at(batch.at + ATTRIBUTES, 2);
    if ((attributes & COMPRESSION) != 0) {
        Py_RETURN_FALSE;
    }
    int64_t first_offset = (int64_t)number_at(batch.at + FIRST_OFFSET, 8);
    int64_t first_timestamp = (int64_t)number_at(batch.at + FIRST_TIMESTAMP, 8);
    int32_t count = (int32_t)number_at(batch.at + COUNT, 4);
    bool is_append_time = (attributes & IS_APPEND_TIME) != 0;
    int64_t append_time = (int64_t)number_at(batch.at + LAST_TIMESTAMP, 8);
    Rest rest = {batch.at + RECORDS, batch.end};
    for (; count > 0; count--) {
        FetchedRecord *record = read_record(&rest, first_offset, first_timestamp);
        if (record == NULL) {
            return NULL;
        }
        if (is_append_time) {
            record->timestamp = append_time;
        }
        int failed = record->offset < from ? 0 : PyList_Append(found, (PyObject *)record);
        Py_DECREF(record);
        if (failed) {
            return NULL;
        }
    }
    if (rest.at != rest.end) {
        return malformed();
    }
    Py_RETURN_TRUE;
}

static PyMethodDef methods[] = {
    {"is_intact", is_intact, METH_VARARGS, "See streamproc.runtime.records."},
    {"append_records", append_records, METH_VARARGS, "See streamproc.runtime.records."},
    {NULL, NULL, 0, NULL},
};

static struct PyModuleDef module = {PyModuleDef_HEAD_INIT, "_records", NULL, -1, methods, NULL, NULL, NULL, NULL};

PyMODINIT_FUNC PyInit__records(void)
{
    if (!__builtin_cpu_supports("sse4.2")) {
        PyErr_SetString(PyExc_ImportError, "this processor has no checksum instructions");
        return NULL;
    }
    if (PyType_Ready(&fetched_record) < 0 || (no_headers = PyTuple_New(0)) == NULL) {
        return NULL;
    }
    return PyModule_Create(&module);
}
