/* The commands: one file each, one row here. */
#include "cli.h"
#include <string.h>

static const command commands[] = {
    { "new", "TASK DIR", 0, 2, "write a commented recipe and sample data to begin with",
      "Examples:\n"
      "  rondo new classify gestures && rondo train gestures/recipe.yaml\n"
      "  rondo new forecast demand\n",
      command_new },
    { "train", "[RECIPE.yaml]", 0, 1, "train a model, or go on training it",
      "The last layer's units may be left out: the data say them. Stopped or killed, the same\n"
      "command goes on from its last checkpoint; --epochs raised goes on from the end.\n"
      "\n"
      "Examples:\n"
      "  rondo train recipe.yaml --epochs 20\n"
      "  rondo train --model \"gru 64; dense softmax\" --data train.csv --target label -o runs/a\n"
      "  rondo train --model \"lstm 32; dense\" --data series.csv --target y --window 24 \\\n"
      "      --horizon 1 --scale standard --validation-split 0.2\n"
      "  rondo train --model \"lstm 64; dense\" --data 'task:adding?length=50' --epochs 3\n",
      command_train },
    { "finetune", "MODEL", 1, 1,
      "train a model that begins as another: another task, or other data",
      "MODEL is a model file or a run directory, or a RECIPE.yaml that names it as base. Every "
      "option\n"
      "of rondo train but --model is one of rondo finetune, too; --freeze, --train, --adapt say "
      "what\n"
      "trains. Without --head the model goes on telling what it told, of other data. A new "
      "--tokenizer\n"
      "keeps what was learnt of the tokens that both have. With --base-data or --replay the run "
      "also\n"
      "keeps base.safetensors: the base, its own end on the body as it has become. What "
      "--activation\n"
      "exchanges is judged on the validation data: before, exchanged, and trained.\n"
      "\n"
      "Examples:\n"
      "  rondo finetune runs/language --data sst.train --label first \\\n"
      "      --preset ulmfit --validation sst.dev -o runs/sentiment\n"
      "  rondo finetune runs/language --data sst.train --label first --head \"pool max; dense "
      "softmax\"\n"
      "  rondo finetune runs/language --data more.txt --adapt \"*kernel=lora rank=8\"\n"
      "  rondo finetune runs/a --data site.csv --train \"dense.*\" --lr 0.0003\n"
      "  rondo finetune runs/a --data train.csv --validation dev.csv --activation "
      "gates=hard_sigmoid\n",
      command_finetune },
    { "study", "[RECIPE.yaml]", 0, 1, "train a recipe at every point of a grid, and compare",
      "The recipe is one of rondo train, with axes under `vary`; {axis} in it stands for a value.\n"
      "Every option of rondo train is one of rondo study, too, and wins over the recipe. Runs "
      "that\n"
      "have come to an end are never repeated: stopped or killed, the same command goes on. "
      "Writes\n"
      "results.csv, study.md and study.html into -o DIR (studies/RECIPE).\n"
      "\n"
      "Examples:\n"
      "  rondo study study.yaml --seeds 5\n"
      "  rondo study study.yaml --epochs 1 -o try\n"
      "  rondo study --model \"{cell} 32 {function}; dense\" --vary \"cell=simple_rnn,lstm,gru\" "
      "\\\n"
      "      --vary \"function=tanh,relu\" --data 'task:adding?length=20' --seeds 3 -o "
      "activations\n"
      "  rondo study --report -o activations\n",
      command_study },
    { "eval", "MODEL [FILE]", 1, 2, "how good a model is on data that have the answers",
      "MODEL is a model file or a run directory. Metrics are in the data's own units; the loss is\n"
      "in those of training (of scaled targets, where they are scaled).\n"
      "--by gives every metric for each group of samples, and between groups Fairlearn's\n"
      "difference (largest - least) and ratio (least / largest), and those to all samples; a\n"
      "group under 30 samples, or with a 95 % interval wider than 0.2, is too small to say.\n"
      "\n"
      "Examples:\n"
      "  rondo eval runs/a --data test.csv\n"
      "  rondo eval runs/a/best.safetensors test.csv --json\n"
      "  rondo eval runs/a --data test.csv --by station\n"
      "  rondo eval runs/a --data test.ts --groups who.csv --by sex,age\n",
      command_eval },
    { "predict", "MODEL [FILE]", 1, 2, "the model's answers, one row a sample",
      "Writes CSV with a header: the label and each class's probability, or the numbers.\n"
      "\n"
      "Examples:\n"
      "  rondo predict runs/a --data new.csv > answers.csv\n"
      "  cat new.csv | rondo predict runs/a - --json\n",
      command_predict },
    { "generate", "MODEL", 1, 1, "a language model writes: on from a prompt, token by token",
      "Writes --length tokens, or until the model ends the text or --stop comes. --greedy takes "
      "the\n"
      "most likely token each time, --beam searches for the most likely text; else tokens are "
      "drawn,\n"
      "and the same seed gives the same text. What the prompt has that the model does not know is\n"
      "read as its unknown token, and said. --json has every token with its log-probability.\n"
      "\n"
      "Examples:\n"
      "  rondo generate runs/a --prompt \"Once upon a time\"\n"
      "  rondo generate runs/a --prompt - --temperature 0.7 --top-p 0.9 < beginning.txt\n"
      "  rondo generate runs/a --samples 5 --length 50 --json\n"
      "  rondo generate runs/a --prompt \"the old\" --beam 4\n",
      command_generate },
    { "stream", "MODEL", 1, 1, "answer line by line: one time step in, one answer out",
      "Reads comma-separated numbers from standard input, one time step a line, in the data's own\n"
      "units, and answers each at once; the state is carried from line to line.\n"
      "\n"
      "Examples:\n"
      "  tail -f sensor.csv | rondo stream runs/a\n"
      "  rondo stream runs/a --state sensor.state < today.csv\n",
      command_stream },
    { "inspect", "MODEL", 1, 1, "layers, shapes, parameters, memory, pipeline",
      "Examples:\n"
      "  rondo inspect runs/a\n"
      "  rondo inspect model.safetensors --json\n",
      command_inspect },
    { "check", "MODEL", 1, 1, "compare this very model's gradients with finite differences",
      "In double precision, on generated inputs; fails (exit 1) over a relative error of 1e-6.\n"
      "\n"
      "Examples:\n"
      "  rondo check runs/a\n",
      command_check },
    { "diagnose", "MODEL [FILE]", 1, 2, "what its gradients, gates and units do, and what is wrong",
      "How far ∂loss/∂h comes back in time, what gates do, which units are dead, how the "
      "recurrence\n"
      "grows or shrinks what passes through it; then plain sentences, with what to try. The data "
      "need\n"
      "the answers. --json has every number, -o FILE.html the charts.\n"
      "\n"
      "Examples:\n"
      "  rondo diagnose runs/a --data train.csv\n"
      "  rondo diagnose runs/a train.csv -o diagnosis.html\n",
      command_diagnose },
    { "bench", "", 0, 0, "how fast this machine is, in a minute or so",
      "Every figure is the median of at least five samples; what was computed is compared with a\n"
      "plain computation, and figures above the machine's measured peak are refused (exit 1).\n"
      "Cases: a one step of a stream; b a sequence, batch 1; c sequences, batched; d training a\n"
      "layer; e training the tutorial's network; f training a language model, where I is the\n"
      "vocabulary; activations, in all gates of an LSTM that trains, each in turn with the usual\n"
      "ones; memory, what steps of training two layers and a dense one take above the idle\n"
      "process. numbers: what weights are kept in (a, b, c: f32, bf16, int8), or what is\n"
      "multiplied in training (d with --compute bf16, f in both).\n"
      "\n"
      "Examples:\n"
      "  rondo bench\n"
      "  rondo bench --case d --cell lstm --threads 1 --json\n",
      command_bench },
    { "explain", "MODEL [FILE]", 1, 2, "why the model answers so: what it owes to which input",
      "Integrated gradients: how much of the answer's difference to that of a baseline is due to\n"
      "each feature at each step; they add up to it, and the gap that is left is printed.\n"
      "occlusion: what the answer loses when a feature is hidden at a step, or at --hide of them.\n"
      "gates, units: what happens inside recurrent layers, step by step. docs/EXPLAINING.md says\n"
      "how to read them.\n"
      "\n"
      "Examples:\n"
      "  rondo explain runs/a test.csv --sample 3\n"
      "  rondo explain runs/a test.csv --method \"occlusion gates\" --hide 5 -o why.html\n"
      "  rondo explain runs/a test.csv --class fast --logit --baseline mean --csv > why.csv\n"
      "  rondo explain runs/a test.csv --method gates --layer lstm --gate f\n",
      command_explain },
    { "report", "RUN", 1, 1, "one HTML page about a run: curves, scores, samples, diagnosis",
      "Writes RUN/report.html, which needs no network and no scripts. It judges the run by "
      "--data,\n"
      "else by its validation data, else by those it was trained on, and says which.\n"
      "\n"
      "Examples:\n"
      "  rondo report runs/a\n"
      "  rondo report runs/a --data test.csv --by site -o a.html\n"
      "  rondo report runs/a --lang zh\n",
      command_report },
    { "tokenize", "WHAT FILE", 1, MAX_WORDS, "train a tokenizer, or make tokens of text and back",
      "tokenize train SPEC TEXT… -o FILE.json  makes a tokenizer of texts, plain or in tables\n"
      "tokenize encode FILE.json [TEXT]        ids of each line, of standard input without TEXT\n"
      "tokenize decode FILE.json [IDS]         lines of ids into text\n"
      "tokenize inspect FILE.json [TEXT]       what it is; with TEXT, tokens per word and the "
      "like\n"
      "FILE.json is a Hugging Face tokenizer.json, read and written; a model that reads text may "
      "be\n"
      "in its place. SPEC is char, word, byte, bpe, wordpiece or unigram with options:\n"
      "rondo help tokenize NAME lists them. A text longer than truncate=N is cut off behind N\n"
      "tokens, those that begin= and end= add counted; a shorter one is padded to pad_to=N "
      "behind.\n"
      "\n"
      "Examples:\n"
      "  rondo tokenize train \"bpe vocab_size=8000\" corpus.txt -o tokenizer.json\n"
      "  rondo tokenize train \"word max_tokens=10000 end=<eos>\" reviews.csv --text review -o "
      "w.json\n"
      "  echo \"The theme comes back.\" | rondo tokenize encode tokenizer.json --pieces\n"
      "  rondo tokenize inspect tokenizer.json test.txt --json\n",
      command_tokenize },
    { "adapt", "WHAT MODEL [FOLDER]", 2, 3, "list, merge, remove, save or load a model's adapters",
      "WHAT is one of\n"
      "  list     which adapters sit on which weights\n"
      "  merge    what they add becomes part of the weights; the model goes to -o FILE\n"
      "  remove   the model without them, to -o FILE\n"
      "  save     LoRA adapters alone into FOLDER, as Hugging Face's PEFT keeps them\n"
      "  load     those of a FOLDER onto the model, which goes to -o FILE\n"
      "of those with --name NAME, or all. Adapters are put on by rondo train --adapt.\n"
      "\n"
      "Examples:\n"
      "  rondo adapt list runs/a\n"
      "  rondo adapt merge runs/a -o merged.safetensors\n"
      "  rondo adapt save runs/a french-adapter\n"
      "  rondo adapt load base.safetensors french-adapter --name french -o french.safetensors\n",
      command_adapt },
    { "doctor", "", 0, 0, "what was built in, and what this machine can do",
      "Examples:\n"
      "  rondo doctor\n"
      "  RONDO_ISA=scalar rondo doctor --json\n",
      command_doctor },
    { "help", "[WHAT] [NAME]", 0, 2, "this, or all about a command, an activation, a cell …",
      "Activations, cells, layers, initializers and adapters are listed by kind, with a line each; "
      "with a\n"
      "name, all about one: formula, derivative, range, parameters, source.\n"
      "\n"
      "Examples:\n"
      "  rondo help train\n"
      "  rondo help activations\n"
      "  rondo help gelu\n"
      "  rondo help layers lstm --json\n",
      command_help },
};
enum { COMMANDS = sizeof commands / sizeof *commands };

const command *command_at(int i)
{
    return i >= 0 && i < COMMANDS ? &commands[i] : NULL;
}

/* How many letters two words share at their beginning and end: enough for a hint. */
static size_t likeness(const char *a, const char *b)
{
    size_t n = strlen(a), m = strlen(b), same = 0, tail = 0;
    while (a[same] && a[same] == b[same]) same++;
    while (tail < n - same && tail < m - same && a[n - 1 - tail] == b[m - 1 - tail]) tail++;
    return same + tail;
}

const command *command_find(const char *name)
{
    const command *best = NULL;
    size_t most = 0;
    for (int i = 0; i < COMMANDS; i++) {
        if (strcmp(commands[i].name, name) == 0) return &commands[i];
        const size_t alike = likeness(name, commands[i].name);
        if (alike > most && 2 * alike > strlen(commands[i].name)) {
            best = &commands[i];
            most = alike;
        }
    }
    if (best)
        complain(EXIT_USAGE, "unknown command \"%s\"; did you mean %s?", name, best->name);
    else
        complain(EXIT_USAGE, "unknown command \"%s\"; rondo help lists them", name);
    return NULL;
}
