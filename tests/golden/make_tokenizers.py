"""Tokenizers of the package `tokenizers`, with what they make of texts: golden files for src/text.

Every file of tests/golden/tokenizers/ is {"tokenizer": tokenizer.json, "plain": encoding adds nothing,
"cases": [[text, ids, the text that the ids decode to], …]}.  tools/make-golden runs this.
"""
import json
import pathlib

from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers
from tokenizers import processors, trainers

OUT = pathlib.Path(__file__).parent / "tokenizers"

TEXTS = [
    "", " ", "  ", "\n", "a", "Hello world", "  two  blanks  ", "tabs\tand\nnew\r\nlines \n ",
    "It's what we've said: they'll, I'd, you're; 'tis 'S don't'", "CamelCase and UPPER, lower.",
    "numbers 1 22 333 4,444.5 x1y2 ½ ² Ⅳ ٣", "punct!? ... -- (a)[b]{c} <d> \"e\" `f` $5 €6 #7 a_b",
    "café naïve Ångström e\u0301 o\u0302\u0323 \u1ea5 \ufb01 ½ ﾊﾞ ｶﾞ Ａ① ㌔ \u212b",
    "İstanbul ǅ ß ΑΣ ς ﬀ", "中文分词，很有意思。２０２６年", "日本語のテキスト カタカナ ー", "한국어 문장 \u1112\u1161\u11ab",
    "emoji 🎵 👩‍👩‍👧 🇩🇪 ❤️ 🤣", "Привет, мир! مرحبا שלום नमस्ते ไทย",
    "zero\u200bwidth \u200d joiner \ufeff bom \u00ad soft", "nbsp\u00a0thin\u2009ideographic\u3000end\u2028x\u0085y",
    "control \x01\x02\x7f\x9f chars \ufffd", "def f(x):\n    return x**2  # code\n\n\n\tif a != b: pass",
    "http://a.b/c?d=e&f=g user@example.com", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
    "▁already▁marked ▁ x", "word <s> inside</s> and [MASK], [mask] <eos><eos>", "x<sep>y < sep > <sep>",
    "  <strip>  both <left>  x  <right> y<single> <single> a<single>b (<single>)",
    "the theme keeps coming back; the rondo's theme, theme and again themes",
    "Der Überfluß größer Straße", "\u0300 alone a\u0327\u0301\u0301 \u0345", "\u3131\u314f \uffa1\uffc2 \u0958",
]

CORPUS = [
    "A rondo is a piece of music whose theme keeps coming back.",
    "The theme comes back, again and again; between its returns there are episodes.",
    "Recurrent networks keep a state. The state comes back at every step.",
    "It's what they've said: you'll hear the theme, and I'd know it.",
    "Numbers: 1, 22, 333 and 4444 in 2026; prices of $5 or €6.", "café naïve Ångström größer Straße",
    "中文的句子里没有空格，分词很有意思。", "循环神经网络记得它看见的东西。", "日本語のテキスト", "Привет, мир! Привет, музыка!",
    "def step(x, h):\n    return tanh(x @ w + h @ u)\n", "emoji 🎵 and 🎶 make music 🎵",
] * 4


def bytes_model(**more):
    """Ids are the bytes of what reaches it; with a suffix, the ends of words show."""
    return models.BPE({f"<0x{i:02X}>": i for i in range(256)}, [], byte_fallback=True, **more)


def normalizer_case(normalizer):
    t = Tokenizer(bytes_model())
    t.normalizer = normalizer
    return t


def split_case(pre_tokenizer, normalizer=None):
    t = Tokenizer(bytes_model(end_of_word_suffix="|"))
    t.pre_tokenizer = pre_tokenizer
    if normalizer:
        t.normalizer = normalizer
    return t


def trained(model, trainer, normalizer=None, pre=None, decoder=None, post=None):
    t = Tokenizer(model)
    if normalizer:
        t.normalizer = normalizer
    if pre:
        t.pre_tokenizer = pre
    if decoder:
        t.decoder = decoder
    t.train_from_iterator(CORPUS, trainer)
    if post:
        t.post_processor = post(t)
    return t


def template(begin, end):
    return lambda t: processors.TemplateProcessing(
        single=f"{begin} $A {end}", pair=f"{begin} $A {end} $B:1 {end}:1",
        special_tokens=[(x, t.token_to_id(x)) for x in dict.fromkeys([begin, end])])


def cases():
    n = normalizers
    for name in ["NFC", "NFD", "NFKC", "NFKD", "Lowercase", "StripAccents", "Nmt", "ByteLevel"]:
        yield "normalize_" + name.lower(), normalizer_case(getattr(n, name)())
    yield "normalize_strip", normalizer_case(n.Strip())
    yield "normalize_strip_left", normalizer_case(n.Strip(left=True, right=False))
    yield "normalize_strip_right", normalizer_case(n.Strip(left=False, right=True))
    yield "normalize_prepend", normalizer_case(n.Prepend("▁"))
    yield "normalize_replace", normalizer_case(n.Sequence([n.Replace("a", "bb"), n.Replace(" ", "▁"), n.Replace("!", ""),
                                                           n.Replace(".", ""), n.Replace("▁▁", "_")]))
    yield "normalize_replace_regex", normalizer_case(n.Replace(Regex(r"\s+"), " "))
    yield "normalize_bert", normalizer_case(n.BertNormalizer())
    yield "normalize_bert_cased", normalizer_case(n.BertNormalizer(lowercase=False))
    yield "normalize_bert_accents", normalizer_case(n.BertNormalizer(strip_accents=False, handle_chinese_chars=False))
    yield "normalize_sequence", normalizer_case(n.Sequence([n.NFD(), n.StripAccents(), n.Lowercase(), n.Strip()]))
    p = pre_tokenizers
    yield "split_byte_level", split_case(p.ByteLevel(add_prefix_space=False))
    yield "split_byte_level_prefix", split_case(p.ByteLevel(add_prefix_space=True))
    yield "split_byte_level_whole", split_case(p.ByteLevel(add_prefix_space=False, use_regex=False))
    yield "split_metaspace", split_case(p.Metaspace())
    yield "split_metaspace_first", split_case(p.Metaspace(prepend_scheme="first"))
    yield "split_metaspace_first_stripped", split_case(p.Metaspace(prepend_scheme="first"), n.Strip())
    yield "split_metaspace_never", split_case(p.Metaspace(prepend_scheme="never"))
    yield "split_metaspace_whole", split_case(p.Metaspace(split=False, replacement="_"))
    yield "split_bert", split_case(p.BertPreTokenizer())
    yield "split_whitespace", split_case(p.Whitespace())
    yield "split_whitespace_split", split_case(p.WhitespaceSplit())
    yield "split_digits", split_case(p.Digits())
    yield "split_digits_individual", split_case(p.Digits(individual_digits=True))
    for behaviour in ["removed", "isolated", "merged_with_previous", "merged_with_next", "contiguous"]:
        yield "split_punctuation_" + behaviour, split_case(p.Punctuation(behaviour))
        yield "split_text_" + behaviour, split_case(p.Split(" ", behaviour))
        yield "split_text_inverted_" + behaviour, split_case(p.Split("a", behaviour, invert=True))
        yield "split_regex_" + behaviour, split_case(p.Split(Regex(r"\s+"), behaviour))
    yield "split_regex_gpt4", split_case(p.Sequence([p.Split(Regex(
        r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"),
        "isolated"), p.ByteLevel(add_prefix_space=False, use_regex=False)]))
    yield "split_delimiter", split_case(p.CharDelimiterSplit("e"))
    yield "split_length", split_case(p.FixedLength(3))
    yield "split_sequence", split_case(p.Sequence([p.WhitespaceSplit(), p.Digits(True), p.Punctuation()]))
    yield "split_byte_level_then_digits", split_case(p.Sequence([p.ByteLevel(add_prefix_space=True), p.Digits()]))

    special = ["<pad>", "<unk>", "<s>", "</s>", "[MASK]"]
    yield "byte_bpe", trained(models.BPE(), trainers.BpeTrainer(
        vocab_size=420, special_tokens=["<eos>"], initial_alphabet=p.ByteLevel.alphabet(), show_progress=False),
        pre=p.ByteLevel(add_prefix_space=False), decoder=decoders.ByteLevel(),
        post=lambda t: processors.ByteLevel(trim_offsets=False))
    yield "roberta", trained(models.BPE(), trainers.BpeTrainer(
        vocab_size=380, special_tokens=special, initial_alphabet=p.ByteLevel.alphabet(), show_progress=False),
        pre=p.ByteLevel(), decoder=decoders.ByteLevel(),
        post=lambda t: processors.RobertaProcessing(("</s>", 3), ("<s>", 2)))
    yield "bpe_suffix", trained(models.BPE(unk_token="<unk>", end_of_word_suffix="</w>", fuse_unk=True), trainers.BpeTrainer(
        vocab_size=300, special_tokens=special, end_of_word_suffix="</w>", show_progress=False),
        normalizer=n.Lowercase(), pre=p.WhitespaceSplit(), decoder=decoders.BPEDecoder("</w>"))
    yield "bpe_prefix", trained(models.BPE(unk_token="<unk>", continuing_subword_prefix="##"), trainers.BpeTrainer(
        vocab_size=300, special_tokens=special, continuing_subword_prefix="##", show_progress=False),
        pre=p.Whitespace(), decoder=decoders.WordPiece(cleanup=False))
    llama = trained(models.BPE(unk_token="<unk>", byte_fallback=True, fuse_unk=True), trainers.BpeTrainer(
        vocab_size=560, special_tokens=["<unk>", "<s>", "</s>"] + [f"<0x{i:02X}>" for i in range(256)],
        show_progress=False), normalizer=n.Sequence([n.Prepend("▁"), n.Replace(" ", "▁")]),
        decoder=decoders.Sequence([decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse(),
                                   decoders.Strip(" ", 1, 0)]))
    llama.post_processor = template("<s>", "</s>")(llama)
    yield "llama", llama
    bert = trained(models.WordPiece(unk_token="[UNK]"), trainers.WordPieceTrainer(
        vocab_size=300, special_tokens=["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"], show_progress=False),
        normalizer=n.BertNormalizer(), pre=p.BertPreTokenizer(), decoder=decoders.WordPiece(),
        post=lambda t: processors.BertProcessing(("[SEP]", 3), ("[CLS]", 2)))
    yield "bert", bert
    short = Tokenizer.from_str(bert.to_str())
    short.enable_truncation(8, strategy="only_first")
    short.enable_padding(length=12, pad_id=0, pad_token="[PAD]")
    yield "bert_cut_and_padded", short
    left = Tokenizer.from_str(bert.to_str())
    left.enable_truncation(7, direction="left")
    left.enable_padding(direction="left", pad_to_multiple_of=4, pad_id=0, pad_token="[PAD]")
    yield "bert_left", left
    yield "unigram", trained(models.Unigram(), trainers.UnigramTrainer(
        vocab_size=260, special_tokens=["<unk>", "<s>", "</s>"], unk_token="<unk>", show_progress=False),
        normalizer=n.Sequence([n.NFKC(), n.Replace(Regex(" {2,}"), " ")]), pre=p.Metaspace(),
        decoder=decoders.Metaspace(), post=template("<s>", "</s>"))
    yield "unigram_bytes", Tokenizer(models.Unigram(
        [("<unk>", 0.0)] + [(x, -i * 0.37 - 1) for i, x in enumerate("abcdefghijklmnopqrstuvwxyz")] +
        [("the", -2.0), ("th", -3.0), ("eme", -4.0), ("them", -4.5), ("keep", -5.0), ("s", -0.5) if False else ("xyz", -9.0)] +
        [(f"<0x{i:02X}>", -20.0) for i in range(256)], 0, True))
    yield "words", trained(models.WordLevel(unk_token="<unk>"), trainers.WordLevelTrainer(
        vocab_size=80, special_tokens=special, show_progress=False), normalizer=n.Lowercase(), pre=p.Whitespace())

    added = Tokenizer.from_str(bert.to_str())
    added.normalizer = n.Sequence([n.Lowercase(), n.Strip()])
    added.add_tokens([AddedToken("<strip>", lstrip=True, rstrip=True), AddedToken("<left>", lstrip=True),
                      AddedToken("<right>", rstrip=True), AddedToken("<single>", single_word=True, normalized=False),
                      AddedToken("Hello World", normalized=True), AddedToken("the theme", normalized=False),
                      AddedToken("the them", normalized=False)])
    added.add_special_tokens(["<eos>", "<sep>"])
    yield "added", added
    yield "added_metaspace_first", added_first()


def added_first():
    t = Tokenizer(models.Unigram([("<unk>", 0.0), ("▁", -1.0)] + [(c, -2.0) for c in "abcdefghijklmnopqrstuvwxyz"], 0))
    t.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="first")
    t.decoder = decoders.Metaspace(prepend_scheme="first")
    t.add_special_tokens(["<s>", "</s>", "<eos>", "<sep>"])
    return t


def main():
    OUT.mkdir(exist_ok=True)
    for old in OUT.glob("*.json"):
        old.unlink()
    for name, t in cases():
        rows = []
        for text in TEXTS:
            ids = t.encode(text).ids
            rows.append([text, ids, t.decode(ids)])
        body = {"tokenizer": json.loads(t.to_str()), "cases": rows}
        (OUT / f"{name}.json").write_text(json.dumps(body, ensure_ascii=False, separators=(",", ":")) + "\n")


if __name__ == "__main__":
    main()
