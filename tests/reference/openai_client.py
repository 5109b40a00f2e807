"""Asks a served model with OpenAI's own client, unchanged, and checks every answer.

Run by hand after changes of the API, with the program built (seen with openai 3.57.0, Python 3.11):

    python -m venv /tmp/openai && /tmp/openai/bin/pip install openai
    /tmp/openai/bin/python tests/reference/openai_client.py target/debug/eyewright

The model is a tiny one of tests/golden with random weights: answers are nonsense, their form is not.
"""

import base64
import subprocess
import sys
import tempfile
from pathlib import Path

import openai

ROOT = Path(__file__).resolve().parents[2]
MODEL = ROOT / "tests/golden/models/llava_hf_new"
IMAGES = ROOT / "tests/fixtures/images"


def start(program, home):
    """The server, its address and its key, as it prints them."""
    command = [program, "serve", "--model", MODEL, "--listen", "127.0.0.1:0", "--device", "cpu", "--home", home]
    server = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    address = key = None
    while not (address and key):
        line = server.stdout.readline()
        if not line:
            raise RuntimeError("the server ended")
        address = line.removeprefix("API: ").strip() if line.startswith("API: ") else address
        key = line.removeprefix("key: ").strip() if line.startswith("key: ") else key
    return server, address, key


def picture(name, kind):
    data = base64.b64encode((IMAGES / name).read_bytes()).decode()
    return {"type": "image_url", "image_url": {"url": f"data:image/{kind};base64,{data}"}}


def one_of(ending):
    """A picture that is small and whole."""
    files = sorted(IMAGES.glob(f"*.{ending}"), key=lambda path: path.stat().st_size)
    return next(path.name for path in files if path.stat().st_size > 200 and not path.name.startswith("refused"))


def asked(*parts):
    return [{"role": "user", "content": [{"type": "text", "text": "What is this?"}, *parts]}]


def models(client):
    listed = client.models.list().data
    assert len(listed) >= 1 and listed[0].object == "model", listed
    assert all(client.models.retrieve(model.id).id == model.id for model in listed)
    return next(model.id for model in listed if "llava" in model.id)


def chat(client, model):
    settings = {"model": model, "max_tokens": 12, "temperature": 0, "seed": 1}
    plain = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hello"}]
    first = client.chat.completions.create(messages=plain, **settings)
    again = client.chat.completions.create(messages=plain, **settings)
    text = first.choices[0].message.content
    assert text and text == again.choices[0].message.content
    assert first.choices[0].finish_reason in ("stop", "length")
    assert first.usage.total_tokens == first.usage.prompt_tokens + first.usage.completion_tokens
    assert first.usage.completion_tokens <= 12
    return text, settings, plain


def pictures(client, settings, plain):
    blind = client.chat.completions.create(messages=plain, **settings)
    for kind in ("png", "jpeg", "webp", "gif", "bmp"):
        shown = picture(one_of("jpg" if kind == "jpeg" else kind), kind)
        reply = client.chat.completions.create(messages=asked(shown), **settings)
        assert reply.choices[0].message.content is not None
        assert reply.usage.prompt_tokens > blind.usage.prompt_tokens, kind
    both = client.chat.completions.create(messages=asked(shown, shown), **settings)
    assert both.usage.prompt_tokens > reply.usage.prompt_tokens


def stream(client, text, settings, plain):
    chunks = list(client.chat.completions.create(
        messages=plain, stream=True, stream_options={"include_usage": True}, **settings))
    said = "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)
    assert said == text, (said, text)
    assert chunks[-1].usage.completion_tokens > 0 and not chunks[-1].choices
    assert [chunk.choices[0].finish_reason for chunk in chunks if chunk.choices][-1] in ("stop", "length")
    # The client's own accumulator understands it too.
    with client.chat.completions.stream(messages=plain, **settings) as events:
        pieces = []
        try:
            for event in events:
                pieces += [event.delta] if event.type == "content.delta" else []
        except openai.LengthFinishReasonError:
            pass  # how its accumulator ends at `max_tokens`
    assert "".join(pieces) == text


def stop(client, text, settings, plain):
    middle = text[len(text) // 2]
    reply = client.chat.completions.create(messages=plain, stop=[middle], **settings)
    assert reply.choices[0].message.content == text.split(middle)[0]
    assert reply.choices[0].finish_reason == "stop"


def abandoned(client, settings, plain):
    """Leaving in the middle gives the place back at once."""
    long = {**settings, "max_tokens": 100_000, "temperature": 2}
    for _ in range(12):
        with client.chat.completions.create(messages=plain, stream=True, **long) as events:
            next(iter(events))
    assert client.chat.completions.create(messages=plain, **settings).choices


def errors(client, address, settings, plain):
    def fails(kind, status, act):
        try:
            act()
        except kind as error:
            assert error.status_code == status, error
            assert error.body["message"], error.body
        else:
            raise AssertionError(f"{kind.__name__} was expected")

    create = client.chat.completions.create
    remote = {"type": "image_url", "image_url": {"url": "http://127.0.0.1:1/x.png"}}
    broken = {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}}
    stranger = openai.OpenAI(base_url=address, api_key="sk-wrong", max_retries=0)
    fails(openai.AuthenticationError, 401, stranger.models.list)
    fails(openai.NotFoundError, 404, lambda: client.models.retrieve("nobody"))
    fails(openai.NotFoundError, 404, lambda: create(messages=plain, **{**settings, "model": "nobody"}))
    fails(openai.BadRequestError, 400, lambda: create(messages=plain, **{**settings, "temperature": 9}))
    fails(openai.BadRequestError, 400, lambda: create(messages=[], **settings))
    fails(openai.BadRequestError, 400, lambda: create(messages=asked(remote), **settings))
    fails(openai.BadRequestError, 400, lambda: create(messages=asked(broken), **settings))
    fails(openai.BadRequestError, 400, lambda: create(messages=plain, n=2, **settings))


def main():
    program = Path(sys.argv[1]).resolve()
    with tempfile.TemporaryDirectory() as home:
        server, address, key = start(program, home)
        try:
            client = openai.OpenAI(base_url=address, api_key=key, max_retries=0, timeout=60)
            model = models(client)
            text, settings, plain = chat(client, model)
            pictures(client, settings, plain)
            stream(client, text, settings, plain)
            stop(client, text, settings, plain)
            abandoned(client, settings, plain)
            errors(client, address, settings, plain)
        finally:
            server.terminate()
            server.wait(30)
    print(f"openai {openai.__version__}: models, chat, pictures, streams, stop, leaving, errors: all as expected")


if __name__ == "__main__":
    main()
