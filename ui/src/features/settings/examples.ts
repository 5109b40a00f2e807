// Lines that call the local API server, ready to paste.

export function curlExample(address: string, key: string): string {
  return `curl ${address}/chat/completions \\
  -H "Authorization: Bearer ${key}" \\
  -H "Content-Type: application/json" \\
  -d '{
    "model": "default",
    "messages": [{"role": "user", "content": [
      {"type": "text", "text": "What is in this picture?"},
      {"type": "image_url", "image_url": {"url": "data:image/png;base64,'"$(base64 -w0 picture.png)"'"}}
    ]}]
  }'`;
}

export function pythonExample(address: string, key: string): string {
  return `import base64
from openai import OpenAI

client = OpenAI(base_url="${address}", api_key="${key}")
with open("picture.png", "rb") as file:
    picture = base64.b64encode(file.read()).decode()
answer = client.chat.completions.create(
    model="default",
    messages=[{"role": "user", "content": [
        {"type": "text", "text": "What is in this picture?"},
        {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{picture}"}},
    ]}],
)
print(answer.choices[0].message.content)`;
}
