/* The form of a date-time that nearly every producer writes: 2026-11-24T10:00:00Z, with or without up to six decimals of
   the second. */

#ifndef STREAMPROC_PLAIN_TIME_H
#define STREAMPROC_PLAIN_TIME_H

#include <Python.h>

#include <stdbool.h>

enum {
    TO_SECONDS = 20, /* the length of 2026-11-24T10:00:00Z */
    MOST_DECIMALS = 6
};

typedef struct {
    int year, month, day, hour, minute, second;
    int decimals, fraction; /* how many digits stand behind the point, and the number they are */
} PlainTime;

/* Returns the number that so many decimal digits are, -1 where one of them is none. */
static inline int decimal(const unsigned char *at, int digits)
{
    int read = 0;
    for (; digits > 0; digits--, at++) {
        if (*at < '0' || *at > '9') {
            return -1;
        }
        read = 10 * read + (*at - '0');
    }
    return read;
}

/* Tells whether a text is written in that form, and reads its fields: digits, and perhaps no time of the calendar. */
static inline bool read_plain_time(PyObject *text, PlainTime *time)
{
    if (!PyUnicode_CheckExact(text) || !PyUnicode_IS_COMPACT_ASCII(text)) {
        return false;
    }
    const unsigned char *at = PyUnicode_1BYTE_DATA(text);
    Py_ssize_t length = PyUnicode_GET_LENGTH(text);
    if ((length != TO_SECONDS && (length < TO_SECONDS + 2 || length > TO_SECONDS + 1 + MOST_DECIMALS)) ||
        at[4] != '-' || at[7] != '-' || at[10] != 'T' || at[13] != ':' || at[16] != ':' || at[length - 1] != 'Z' ||
        (length != TO_SECONDS && at[19] != '.')) {
        return false;
    }
    int decimals = length == TO_SECONDS ? 0 : (int)(length - TO_SECONDS - 1);
    *time = (PlainTime){decimal(at, 4),      decimal(at + 5, 2),  decimal(at + 8, 2), decimal(at + 11, 2),
                        decimal(at + 14, 2), decimal(at + 17, 2), decimals,           decimal(at + 20, decimals)};
    return time->year >= 0 && time->month >= 0 && time->day >= 0 && time->hour >= 0 && time->minute >= 0 &&
           time->second >= 0 && time->fraction >= 0;
}

#endif
