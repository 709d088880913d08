/* Reads the form of a date-time that nearly every producer writes: 2026-11-24T10:00:00Z, with or without milliseconds.
   Whatever else a text is, None is returned, and another way is left to read it. */

#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include <datetime.h>

#include "_plain_time.h"

static PyObject *read_plain(PyObject *Py_UNUSED(module), PyObject *text)
{
    PlainTime time;
    if (!read_plain_time(text, &time) || (time.decimals != 0 && time.decimals != 3)) {
        Py_RETURN_NONE;
    }
    PyObject *instant = PyDateTimeAPI->DateTime_FromDateAndTime(time.year, time.month, time.day, time.hour, time.minute,
                                                                time.second, 1000 * time.fraction,
                                                                PyDateTime_TimeZone_UTC, PyDateTimeAPI->DateTimeType);
    if (instant == NULL && PyErr_ExceptionMatches(PyExc_ValueError)) {
        PyErr_Clear(); /* no day or time of the calendar */
        Py_RETURN_NONE;
    }
    return instant;
}

static PyMethodDef methods[] = {
    {"read_plain", read_plain, METH_O, "Return a date-time in UTC from the form that is mostly written, else None."},
    {NULL, NULL, 0, NULL},
};

static struct PyModuleDef module = {PyModuleDef_HEAD_INIT, "_instants", NULL, 0, methods, NULL, NULL, NULL, NULL};

PyMODINIT_FUNC PyInit__instants(void)
{
    PyDateTime_IMPORT;
    return PyDateTimeAPI == NULL ? NULL : PyModule_Create(&module);
}
