/* What the threads of a recording did, as one stream of pieces a thread: ran so long, woke
 * that one, waited.  Streams are kept in a temporary file, one byte for the kind and a few
 * for times and names, so that a recording of any length takes the memory of its threads.
 *
 * They are written side by side, in any order: each grows by chunks that name the next one.
 * What is found out later (a wait was a join, a wake-up was none) changes the kind of a
 * piece in place.  After cp_pieces_seal they are only read, by any number of readers. */
#ifndef CP_TRACES_REBUILD_PIECES_H
#define CP_TRACES_REBUILD_PIECES_H

#include "sim/types.h"

typedef enum {
    CP_PIECE_END,      /* of the stream */
    CP_PIECE_RUN,      /* value ns on a CPU */
    CP_PIECE_DELAY,    /* value ns off it, ended by nobody we know */
    CP_PIECE_WAIT,     /* until `thread` wakes it; value: how long it took */
    CP_PIECE_WAKE,     /* wake `thread` */
    CP_PIECE_SPAWN,    /* start `thread` */
    CP_PIECE_JOIN,     /* wait for the end of `thread`; value: how long it took */
    CP_PIECE_JOIN_ALL, /* wait for the end of all it started; value, `thread`: as JOIN */
    CP_PIECE_NICE,     /* own nice value becomes value */
    CP_PIECE_RT,       /* own policy becomes a real-time one with priority value */
    CP_PIECE_YIELD,    /* offer the CPU to others */
    CP_PIECE_ANSWER,   /* `thread`: number of the pair of threads; one more answer */
    CP_PIECE_AWAIT,    /* the same; wait for an answer and take it */
} CpPieceKind;

typedef struct {
    int64_t value;
    uint32_t thread; /* in the recording; 0 where a kind has none */
    uint8_t kind;    /* CpPieceKind */
    uint8_t rule;    /* 0..7: how it was found */
} CpPiece;

typedef struct CpPieces CpPieces;

/* Streams 0 .. n - 1, all empty.  The file is in the folder for temporary files (TMPDIR)
 * and has no name any more.  CP_ERROR_OUTPUT. */
CpPieces *cp_pieces_new(uint32_t n, GError **error);
CpPieces *cp_pieces_ref(CpPieces *pieces);
void cp_pieces_unref(CpPieces *pieces);

/* --- writing --- */

/* Appends and returns the place of the piece.  Failures are kept for cp_pieces_seal. */
int64_t cp_pieces_add(CpPieces *pieces, uint32_t stream, const CpPiece *piece);
/* The piece at that place of the stream becomes a WAIT, JOIN or JOIN_ALL, as it has the
 * operands of all three. */
void cp_pieces_change(CpPieces *pieces, uint32_t stream, int64_t place, CpPieceKind kind);
/* It never was. */
void cp_pieces_take_back(CpPieces *pieces, uint32_t stream, int64_t place);
/* The waits of the stream that were found by this rule were none for another thread: they
 * are read as delays, and the wake-ups found by it are left out. */
void cp_pieces_outvote(CpPieces *pieces, uint32_t stream, uint8_t rule);
/* The stream has no YIELD: those that are written were none. */
void cp_pieces_drop_yields(CpPieces *pieces, uint32_t stream);
/* The stream will hardly grow any more: its memory is given back. */
void cp_pieces_rest(CpPieces *pieces, uint32_t stream);
gboolean cp_pieces_seal(CpPieces *pieces, GError **error);

/* --- reading --- */

enum { CP_PIECES_CHUNK = 256 };

/* What a reader has at hand of one stream; zero-filled at first. */
typedef struct {
    int64_t chunk; /* whose bytes these are; 0: none */
    uint8_t bytes[CP_PIECES_CHUNK];
} CpPieceWindow;

/* Place of the first piece of a stream. */
int64_t cp_pieces_first(const CpPieces *pieces, uint32_t stream);
/* Reads the piece at *place and moves *place behind it.  Pieces taken back and times of 0
 * are left out, neighbouring runs and delays are one, and what another thread ends has no
 * length.  At the end: CP_PIECE_END, again and again. */
gboolean cp_pieces_next(const CpPieces *pieces, uint32_t stream, CpPieceWindow *window,
                        int64_t *place, CpPiece *piece, GError **error);

/* Depends on all that was written, in the order it was. */
uint64_t cp_pieces_hash(const CpPieces *pieces);

#endif
