/* A library whose debug information has structures of CPython's names: with members of structures, typedefs, unions, arrays, bit-fields. */
typedef struct _ts PyThreadState;
typedef struct _is PyInterpreterState;

typedef struct _object {
    long ob_refcnt;
    struct _typeobject *ob_type;
} PyObject;

typedef struct _PyInterpreterFrame {
    struct _PyInterpreterFrame *previous;
    PyObject *f_executable;
    unsigned char *instr_ptr;
    unsigned owner : 3;
    PyObject *localsplus[1];
} _PyInterpreterFrame;

struct _gil_runtime_state {
    PyThreadState *last_holder;
    int locked;
};

struct _is {
    union {
        long other;
        struct {
            int unused;
            long id;
        };
    };
    struct pythreads {
        PyThreadState *head;
    } threads;
    struct {
        struct _gil_runtime_state *gil;
    } ceval;
};

struct _ts {
    const PyThreadState *prev, *next;
    PyInterpreterState *interp;
    _PyInterpreterFrame *current_frame;
    volatile unsigned long thread_id;
};

extern struct {
    PyThreadState thread;
    PyInterpreterState interpreter;
} seed;

__typeof__(seed) seed;
