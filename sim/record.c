#include "sim/record.h"

static const CpRecordInfo infos[CP_REC_KINDS] = {
#define CP_RECORD(NAME, name, number, more, id, arg, id2, value, meaning)                  \
    [number] = {name, more, id, arg, id2, value, meaning},
#include "sim/records.def"
#undef CP_RECORD
};

const CpRecordInfo *cp_record_info(unsigned kind)
{
    return kind < CP_REC_KINDS && infos[kind].name != NULL ? &infos[kind] : NULL;
}
