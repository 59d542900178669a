#include "text/train.h"
const train_kind train_bpe = { "bpe", "", { NULL, 0 }, NULL, NULL, NULL },
                 train_wordpiece = { "wordpiece", "", { NULL, 0 }, NULL, NULL, NULL },
                 train_unigram = { "unigram", "", { NULL, 0 }, NULL, NULL, NULL };
