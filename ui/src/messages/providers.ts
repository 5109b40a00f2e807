// Names of API providers, which are the same in every language.

export const providers = {
  openai: "OpenAI",
  azure: "Azure OpenAI",
  openrouter: "OpenRouter",
  vllm: "vLLM",
  lmstudio: "LM Studio",
  ollama: "Ollama",
};
