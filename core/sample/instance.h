/*
 * Whom an __init__ is called by, where its code object does not say of which class it is (3.9, 3.10): the instance that it makes does.
 * Include/object.h, Include/cpython/frameobject.h, Include/cpython/funcobject.h.
 */
#ifndef SPPROF_SAMPLE_INSTANCE_H
#define SPPROF_SAMPLE_INSTANCE_H

#include "sample/capture.h"

/*
 * Proves that the caller's line calls a frame's __init__ since it mentions a class which it belongs to, and remembers that (call_sites.h).
 * The frame's first local variable leads to the class, if the frame has one at this moment; it is believed where the class says so itself.
 * False: nothing was found out that would make a difference.
 */
bool instance_prove(struct capture_context *context, const struct captured_frame *caller, const struct captured_frame *init);

#endif
