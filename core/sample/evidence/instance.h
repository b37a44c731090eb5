/*
 * Whom an __init__ is called by, where its code object does not say of which class it is (3.9, 3.10): the instance that it makes does.
 * Include/object.h, Include/cpython/frameobject.h, Include/cpython/funcobject.h.
 */
#ifndef SPPROF_SAMPLE_EVIDENCE_INSTANCE_H
#define SPPROF_SAMPLE_EVIDENCE_INSTANCE_H

#include "sample/evidence/context.h"

/*
 * Proves that the instruction at an offset of caller calls init, an __init__, whose frame object is at an address, since its line mentions a
 * class which that belongs to, and remembers it (call_sites.h). The frame's first local variable leads to the class, if the frame has one at
 * this moment; it is believed where the class says so itself. False: nothing was found out that would make a difference.
 */
bool sample_instance_prove(struct capture_context *context, const struct code_entry *caller, int64_t offset, const struct code_entry *init,
                           uint64_t frame);

#endif
