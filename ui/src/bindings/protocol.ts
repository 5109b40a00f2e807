// What may be asked through a door, and what comes back.
// Made by `cargo xtask codegen` from src-tauri/crates/protocol; changes belong there.

/** Puts a data set on the list; its files stay where they are. */
export type AddDataset = {
/** A LLaVA JSON or JSONL file. */
json: string,
/** The folder its picture names start from; that of the file if absent. */
image_folder?: string | null,
/** A name to show; the file's if absent. */
name?: string | null,
};

/** Puts a model on the list; its files stay where they are. */
export type AddModel = {
/** Where it is. */
paths: ModelPaths,
/** A name to show; the folder's if absent. */
name?: string | null,
};

/** A picture's bytes, from a paste or a drop in a browser. At most 64 MiB. */
export type AddPictureBytes = {
/** A name to show. */
name: string,
/** The file's bytes in base64. */
base64: string,
};

/** Files and folders on the machine Eyewright runs on. */
export type AddPictureFiles = {
/** Absolute paths. */
paths: Array<string>,
};

/** What came of adding files and folders. */
export type AddedPictures = {
/** The pictures, in the order given; folders sorted by name. */
pictures: Array<PictureInfo>,
/** What was left out. */
refused: Array<RefusedPicture>,
};

/** Answers the question at closing. */
export type AnswerClose = {
/** The answer. */
choice: CloseChoice,
};

/** Measured while answering. */
export type AnswerStats = {
/** Tokens of the prompt, pictures included. */
prompt_tokens: number,
/** Tokens of it that had been read before. */
cached_tokens: number,
/** Tokens written. */
tokens: number,
/** Milliseconds to the first token, encoding of pictures included. */
first_token_ms: number,
/** Milliseconds of the rest. */
decode_ms: number,
/** Tokens per second after the first. */
tokens_per_second: number,
};

/** A request that the API server answered. */
export type ApiRequest = {
/** When, in milliseconds since 1970. */
at: number,
/** Method and path. */
what: string,
/** HTTP status. */
status: number,
/** How long it took. */
ms: number,
};

/** The local API server. */
export type ApiServerStatus = {
/** Whether it listens. */
running: boolean,
/** The program is itself such a server (`eyewright serve`): it listens as long as it runs, whatever the switch
 * says. */
always: boolean,
/** Its base address, such as `http://127.0.0.1:8640/v1`. */
address: string,
/** The key clients must send. */
key: string,
/** Why it does not run. */
error: ErrorBody | null,
/** The newest requests, newest last, at most 100. */
requests: Array<ApiRequest>,
};

/** The program. */
export type AppInfo = {
/** Its version. */
version: string,
/** The door. */
door: Door,
/** Where it runs. */
platform: Platform,
/** The library folder. */
library: string,
/** Whether the settings were never changed: the first run. */
first_run: boolean,
/** Backends of this build, such as `cpu`, `cuda`, `wgpu`. */
backends: Array<string>,
/** Paths that were given on the command line, to be opened as pictures. */
opened_with: Array<string>,
};

/** Who wrote a message. */
export type Author = "user" | "assistant";

/** Changes what is given and leaves the rest. */
export type ChangeChat = {
/** Which chat. */
chat: ChatId,
/** A new title. */
title?: string | null,
/** Who answers. */
choice?: ModelChoice | null,
/** Who answers beside it. */
second?: ModelChoice | null,
/** `true` ends answering side by side. */
one_answer?: boolean | null,
/** Instructions; empty for none. */
system?: string | null,
/** How tokens are chosen. */
sampling?: SamplingSettings | null,
};

/** Changes what is given and leaves the rest. */
export type ChangeSettings = {
/** Language. */
language?: Language | null,
/** Theme. */
theme?: Theme | null,
/** Where to compute. */
device?: string | null,
/** The dtype models are loaded in. */
dtype?: DtypeWord | null,
/** Another library folder; nothing is moved. */
library?: string | null,
/** Where models are downloaded from. */
hub?: string | null,
/** Who answers in a new chat. */
choice?: ModelChoice | null,
/** How tokens are chosen in a new chat. */
sampling?: SamplingSettings | null,
/** Instructions in a new chat. */
system?: string | null,
/** Whether the API server runs; changing it starts or stops it. */
api_server?: boolean | null,
/** Its port. */
api_port?: number | null,
/** Notify when a run ends. */
notify?: boolean | null,
/** Keep the machine awake while training. */
keep_awake?: boolean | null,
/** Texts of the interface to set; an empty text removes one. */
interface?: { [key in string]: string } | null,
};

/** What a change left. */
export type ChangedRows = {
/** The data set as it is now. */
dataset: DatasetSummary,
/** The row that was changed, taken out or brought back. */
row: number,
/** Changes of this session that can be taken back. */
changes: number,
};

/** A whole chat. */
export type Chat = {
/** Its id. */
id: ChatId,
/** Its title. */
title: string,
/** When it was begun, in milliseconds since 1970. */
created: number,
/** When it last changed. */
changed: number,
/** Instructions in front of the conversation. */
system: string,
/** Who answers. */
choice: ModelChoice | null,
/** Who answers beside it. */
second: ModelChoice | null,
/** How tokens are chosen. */
sampling: SamplingSettings,
/** All messages, parents before children. */
messages: Array<Message>,
/** The last message of the branch shown. */
current: number | null,
/** The piece of work that is writing an answer. */
job: number | null,
};

/** While an answer is written. */
export type ChatEvent = { "kind": "waiting",
/** The work. */
job: number,
/** In words. */
reason: string, } | { "kind": "started",
/** The answer. */
message: number,
/** The model's name. */
model_name: string, } | { "kind": "text",
/** The answer. */
message: number,
/** The new part. */
text: string, } | { "kind": "finished",
/** The answer. */
message: number,
/** Why it ended. */
finish: Finish,
/** How fast it was. */
stats: AnswerStats, } | { "kind": "failed",
/** The answer. */
message: number,
/** Why. */
error: ErrorBody, } | { "kind": "titled",
/** The title. */
title: string,
};

/** What a chat is written as. */
export type ChatFormat = "markdown" | "json";

/** A chat: the name of its folder in the library. */
export type ChatId = string;

/** A page of the list. */
export type ChatPage = {
/** The rows. */
chats: Array<ChatSummary>,
/** Chats in all. */
total: number,
};

/** Which chat. */
export type ChatRef = {
/** Its id. */
chat: ChatId,
};

/** A row of the list of chats. */
export type ChatSummary = {
/** Its id. */
id: ChatId,
/** Its title. */
title: string,
/** When it last changed, in milliseconds since 1970. */
changed: number,
/** Messages in it, all branches. */
messages: number,
/** Around the words searched for. */
excerpt: string | null,
/** Its first picture. */
picture: PictureInfo | null,
/** Whether an answer is being written. */
answering: boolean,
};

/** Looks for rows that training would fail on. */
export type CheckDataset = {
/** Which. */
dataset: DatasetId,
/** Open every picture too, not only look whether it is there. */
open_pictures?: boolean | null,
};

/** A checkpoint. */
export type CheckpointCard = {
/** Which. */
checkpoint: CheckpointRef,
/** Its step. */
step: number,
/** Bytes on disk. */
bytes: number,
/** Whether it has the lowest validation loss. */
best: boolean,
/** Whether all of its files are there. */
complete: boolean,
};

/** A checkpoint of a run. */
export type CheckpointRef = {
/** The run. */
run: RunId,
/** Its step; the newest if absent. */
step?: number | null,
};

/** What to do with work that is going on when the window is closed. */
export type CloseChoice = "keep_running" | "stop_and_save" | "stay";

/** Files a picture, its question and a corrected answer into a data set. */
export type CorrectAnswer = {
/** The chat. */
chat: ChatId,
/** The wrong answer. */
answer: number,
/** What it should have been. */
text: string,
/** The data set; one called `corrections` is made if absent. */
dataset?: DatasetId | null,
};

/** A new chat; what is absent is taken from the settings. */
export type CreateChat = {
/** Its title; made from the first question if absent. */
title?: string | null,
/** Who answers. */
choice?: ModelChoice | null,
/** Instructions in front of the conversation. */
system?: string | null,
};

/** An empty data set in the library, to file rows into. */
export type CreateDataset = {
/** Its name. */
name: string,
};

/** What a curve says, in words. */
export type CurveFinding = {
/** Its name: `zero_loss`, `not_a_number`, `flat`, `spike`, `over_fitting`, `warming_up`. */
finding: string,
/** How bad. */
severity: Severity,
/** The step it was seen at. */
step: number | null,
/** In words. */
message: string,
/** The likely setting or rows. */
hint: string,
};

/** The doctor's verdict in numbers. */
export type DatasetHealth = {
/** Rows looked at. */
rows: number,
/** Rows that cannot be trained on. */
fatal: number,
/** Rows with warnings. */
warnings: number,
/** Whether pictures were opened. */
opened_pictures: boolean,
/** When, in milliseconds since 1970. */
checked: number,
};

/** A data set in the library. */
export type DatasetId = string;

/** Which data set. */
export type DatasetRef = {
/** Its id. */
dataset: DatasetId,
};

/** A row. */
export type DatasetRow = {
/** Its number in the file, from 0. */
number: number,
/** What the file contained when the row was read. */
version: string,
/** Its `id`. */
id: string | null,
/** Its pictures. */
pictures: Array<PictureInfo>,
/** The conversation. */
turns: Array<RowTurn>,
/** What is wrong with it. */
problems: Array<RowProblem>,
};

/** A row of the list of data sets. */
export type DatasetSummary = {
/** Its id. */
id: DatasetId,
/** Its name. */
name: string,
/** The file of its rows. */
json: string,
/** The folder of its pictures. */
image_folder: string,
/** Rows; absent until it was read once. */
rows: number | null,
/** Whether its files are in the library folder. */
in_library: boolean,
/** Questions about pictures that no row shows; only where Eyewright drew it. */
held_out: Array<HeldOutQuestion>,
/** When it was added or last changed, in milliseconds since 1970. */
changed: number,
/** The doctor's last findings in numbers. */
health: DatasetHealth | null,
/** Why it cannot be read. */
fault: string | null,
};

/** Takes a data set off the list. */
export type DeleteDataset = {
/** Which. */
dataset: DatasetId,
/** Also its files, which is done only inside the library folder. */
files: boolean,
};

/** Takes a model off the list. */
export type DeleteModel = {
/** Which. */
model: ModelId,
/** Also its files, which is done only inside the library folder. */
files: boolean,
};

/** Takes a row out. */
export type DeleteRow = {
/** The data set. */
dataset: DatasetId,
/** The row's number. */
row: number,
/** The row's `version`, which the file must still have; otherwise the answer is `conflict`. */
version: string,
};

/** Deletes a run. */
export type DeleteRun = {
/** Which. */
run: RunId,
/** `true` deletes its folder; `false` only takes it off the list. */
files: boolean,
};

/** One device. */
export type DeviceCard = {
/** How to ask for it, such as `cuda:0`. */
choice: string,
/** Its own name. */
name: string,
/** Its memory in bytes, where the driver tells. */
memory: number | null,
/** What went wrong in its trial. */
fault: string | null,
/** Whether it will be used. */
chosen: boolean,
};

/** One kind of finding. */
export type DoctorFinding = {
/** What is wrong. */
problem: RowFault,
/** How bad. */
severity: Severity,
/** The first row's fault in words; empty once that row has changed. */
message: string,
/** How many rows. */
count: number,
/** The first rows, at most 100. */
rows: Array<number>,
};

/** What the doctor found. */
export type DoctorReport = {
/** In numbers. */
health: DatasetHealth,
/** Kinds of findings, the gravest first. */
findings: Array<DoctorFinding>,
/** Rows with pictures. */
rows_with_pictures: number,
/** Different pictures. */
pictures: number,
/** Questions and answers. */
turns: number,
};

/** Through which door the interface came in. */
export type Door = "window" | "browser";

/** Fetches a model from the hub set in the settings. */
export type DownloadModel = {
/** Such as `openai/clip-vit-large-patch14-336`. */
repository: string,
/** A branch, tag or commit; `main` if absent. */
revision?: string | null,
};

/** Files over the window. */
export type DropEvent = { "kind": "over",
/** How many. */
count: number, } | { "kind": "left" } | { "kind": "added",
/** What came of it. */
pictures: AddedPictures,
};

/** The dtype weights are kept in. */
export type DtypeWord = "auto" | "f32" | "f16" | "bf16";

/** Asks a changed question, as a new branch beside the old one. */
export type EditMessage = {
/** The chat. */
chat: ChatId,
/** The question. */
message: number,
/** Its new text. */
text: string,
/** Its pictures. */
pictures: Array<number>,
};

/** Corrects a row. */
export type EditRow = {
/** The data set. */
dataset: DatasetId,
/** The row's number. */
row: number,
/** The row's `version`, which the file must still have; otherwise the answer is `conflict`. */
version: string,
/** What is said, one text for each turn. */
texts: Array<string>,
};

/** An event with its place in the sequence. A gap means that events were lost and lists should be read again. */
export type Envelope = {
/** Counts up from 1. */
seq: number,
/** What happened. */
event: Event,
};

/** Why a command failed. */
export type ErrorBody = {
/** What kind of failure it is. */
code: ErrorCode,
/** What happened, with the file and the place. */
message: string,
/** What to do about it. */
hint: string | null,
};

/** What the interface may act on. A new code is added only when it does something different with it. */
export type ErrorCode = "bad_request" | "unknown_command" | "not_found" | "already_exists" | "conflict" | "file" | "damaged" | "different" | "does_not_fit" | "no_eyes" | "only_an_address" | "context_full" | "device" | "out_of_memory" | "disk_full" | "not_finite" | "network" | "busy" | "cancelled" | "worker_stopped" | "not_here" | "unsupported" | "not_ready" | "internal";

/** Anything that happens. */
export type Event = { "kind": "chat",
/** The chat. */
chat: ChatId,
/** What. */
event: ChatEvent, } | { "kind": "train",
/** The run. */
run: RunId,
/** What. */
event: TrainEvent, } | { "kind": "job",
/** As it is now. */
job: JobInfo, } | { "kind": "changed",
/** Which. */
list: ListName, } | { "kind": "settings",
/** As they are now. */
settings: Settings, } | { "kind": "worker",
/** As it is now. */
status: WorkerStatus, } | { "kind": "api_server",
/** As it is now. */
status: ApiServerStatus, } | { "kind": "api_request",
/** Which. */
request: ApiRequest, } | { "kind": "drop",
/** What. */
event: DropEvent, } | { "kind": "close_asked",
/** The run. */
run: RunId | null, } | { "kind": "opened",
/** The pictures. */
pictures: AddedPictures,
};

/** A format and whether the source can become it. */
export type ExportCard = {
/** Which. */
format: ExportFormat,
/** Its name. */
name: string,
/** Who reads it. */
about: string,
/** Whether it can be written from this source. */
available: boolean,
/** Why not. */
reason: string | null,
/** Types that its numbers can be written in. */
dtypes: Array<string>,
/** Bytes it will take, about. */
bytes: number | null,
};

/** Writes a chat. */
export type ExportChat = {
/** Which. */
chat: ChatId,
/** As what. */
format: ChatFormat,
/** What the one who asks is called in Markdown, in the reader's language; `You` if absent. */
you?: string | null,
};

/** One comparison. */
export type ExportCheck = {
/** What was compared. */
what: string,
/** Whether it held. */
passed: boolean,
/** The result in words. */
detail: string,
/** Whether answers were compared, and not the tensors of a file. */
answers: boolean,
/** How many of them are equal. */
equal: number,
/** Of how many. */
all: number,
};

/** Which format. */
export type ExportFormat = "xtuner" | "peft" | "llava_hf" | "llava" | "gguf" | "eyewright";

/** What an export made, and how it was checked. */
export type ExportReport = {
/** The format. */
format: ExportFormat,
/** The folder. */
folder: string,
/** Its files. */
files: Array<ExportedFile>,
/** What was compared after reading it back. */
checks: Array<ExportCheck>,
/** Whether all comparisons held. */
verified: boolean,
/** Lines that load it. */
snippet: string,
};

/** What is to be exported. */
export type ExportSource = {
/** A run's checkpoint. */
checkpoint?: CheckpointRef | null,
/** Or a model of the library. */
choice?: ModelChoice | null,
};

/** A file of an export. */
export type ExportedFile = {
/** Its name inside the folder. */
name: string,
/** Its size. */
bytes: number,
};

/** What may stand behind a key of a plan. */
export type FieldKind = { "kind": "flag" } | { "kind": "integer",
/** Smallest. */
min: number | null,
/** Largest. */
max: number | null, } | { "kind": "number",
/** Smallest. */
min: number | null,
/** Largest. */
max: number | null, } | { "kind": "text" } | { "kind": "path" } | { "kind": "choice",
/** The words. */
words: Array<string>, } | { "kind": "list" };

/** Where a correction went. */
export type FiledCorrection = {
/** The data set. */
dataset: DatasetId,
/** Its name. */
name: string,
/** The row's number in it. */
row: number,
};

/** Why an answer ended. */
export type Finish = "stop" | "length" | "context" | "cancelled" | "failed";

/** A way to make a plan smaller. */
export type FixWord = "recompute_activations" | "four_bits" | "adapters" | "smaller_batches";

/** One entry. */
export type FolderEntry = {
/** Its name. */
name: string,
/** Whether it is a folder. */
folder: boolean,
/** Its size. */
bytes: number,
};

/** A folder's content. */
export type FolderListing = {
/** The folder. */
path: string,
/** The folder above. */
parent: string | null,
/** Folders first, then files, by name; at most 2,000. */
entries: Array<FolderEntry>,
/** Whether there are more. */
cut: boolean,
};

/** What this machine offers. */
export type HardwareReport = {
/** All devices, the processor among them. */
devices: Array<DeviceCard>,
/** The one that will be used. */
chosen: string,
/** Why. */
reason: string,
/** The processor's name. */
cpu: string,
/** Its threads. */
threads: number,
/** Memory of the machine in bytes. */
memory: number,
/** Memory that is free. */
memory_free: number,
/** Free bytes where the library is. */
disk_free: number,
/** What is there, and what is missing, for computing on NVIDIA cards. */
notes: Array<string>,
/** The dtype models are loaded in there, such as `bf16`. */
dtype: string,
};

/** A question about a picture that no row shows: what before and after are compared with. */
export type HeldOutQuestion = {
/** The picture's file. */
picture: string,
/** What is asked. */
question: string,
};

/** Looks at files before they are on the list. */
export type InspectPaths = {
/** Where they are. */
paths: ModelPaths,
};

/** A job. */
export type JobInfo = {
/** Its number. */
id: number,
/** What it does. */
kind: JobKind,
/** What it is about, such as a model's name. */
title: string,
/** How far it is. */
state: JobState,
/** Done of `total`, in `unit`. */
done: number,
/** 0 while unknown. */
total: number,
/** `bytes`, `rows`, `tokens`, `steps` or `files`. */
unit: string,
/** When it was started, in milliseconds since 1970. */
started: number,
/** What it made. */
outcome: JobOutcome | null,
/** Why it failed. */
error: ErrorBody | null,
/** What it is about: id of the chat, run, model or data set; the revision of a download. */
subject: string | null,
};

/** What a job does. */
export type JobKind = "load" | "chat" | "train" | "estimate" | "export" | "download" | "check" | "split" | "draw";

/** What a finished job made. */
export type JobOutcome = { "kind": "loaded",
/** Which. */
model: LoadedModel, } | { "kind": "downloaded",
/** The new model. */
model: ModelSummary, } | { "kind": "exported",
/** What and how it was checked. */
report: ExportReport, } | { "kind": "estimated",
/** The numbers. */
estimate: RunEstimate, } | { "kind": "checked",
/** The findings. */
report: DoctorReport, } | { "kind": "split",
/** The two new ones. */
result: SplitResult, } | { "kind": "drawn",
/** The new one. */
dataset: DatasetSummary, } | { "kind": "done" };

/** Which job. */
export type JobRef = {
/** Its number. */
job: number,
};

/** How far a job is. */
export type JobState = "waiting" | "running" | "finished" | "cancelled" | "failed";

/** A key, without its text. */
export type KeyInfo = {
/** Whose, such as `hub` or `openai`. */
name: string,
/** Where it is. */
place: KeyPlace,
/** Its last four letters. */
ends_with: string,
};

/** Where a key is. */
export type KeyPlace = "keyring" | "memory" | "absent";

/** Which key. */
export type KeyRef = {
/** Whose. */
name: string,
};

/** The system's keyring. */
export type KeyringStatus = {
/** Why it cannot be used: keys are then in memory, until the program ends. */
missing: ErrorBody | null,
};

/** The language of the interface. */
export type Language = "system" | "en" | "zh";

/** Which chats to list: the newest first. */
export type ListChats = {
/** Words that must occur in the title or in a message. */
search?: string | null,
/** At most this many; 50 if absent. */
limit?: number | null,
/** Skip this many. */
offset?: number | null,
};

/** What can be exported from this. */
export type ListExportFormats = {
/** What. */
source: ExportSource,
};

/** Lists a folder of the machine Eyewright runs on, for a browser that has no dialog. */
export type ListFolder = {
/** Absolute path; the home folder if absent. */
path?: string | null,
};

/** Lists that can change by themselves. */
export type ListName = "chats" | "datasets" | "models" | "runs";

/** A page of rows. */
export type ListRows = {
/** The data set. */
dataset: DatasetId,
/** The first row. */
offset: number,
/** At most this many, up to 200. */
limit: number,
/** Words that must occur in the row. */
search?: string | null,
/** Only rows with findings. */
problems_only?: boolean | null,
/** Only rows of this finding, as the last check noted them: the first hundred. */
finding?: RowFault | null,
};

/** Loads a model before it is needed. */
export type LoadModel = {
/** Which. */
choice: ModelChoice,
};

/** The model that is in the device's memory. */
export type LoadedModel = {
/** Which. */
choice: ModelChoice,
/** Its name. */
name: string,
/** Where it computes, such as `cuda:0`. */
device: string,
/** The device's own name. */
device_name: string,
/** Why there. */
device_reason: string,
/** Name of the chat template. */
template: string,
/** Why this template. */
template_reason: string,
/** Whether it sees. */
eyes: boolean,
/** Longest text in tokens. */
context: number,
};

/** The end of a log. */
export type LogText = {
/** The text. */
text: string,
/** The file. */
file: string,
/** Whether something stands before it. */
cut: boolean,
};

/** Draws a data set into the library. */
export type MakeDemoDataset = {
/** Its name. */
name: string,
/** How many pictures; 1,000 if absent, at most 100,000. */
rows?: number | null,
};

/** The forecast beside the device. */
export type MemoryBar = {
/** Part by part. */
parts: Array<MemoryPart>,
/** In all. */
total: number,
/** What the device has; absent where it does not tell. */
device_memory: number | null,
/** The device's name. */
device_name: string,
/** Whether it fits; unknown without the device's memory. */
fits: boolean | null,
};

/** Memory of one part in bytes. */
export type MemoryPart = {
/** `language model`, `tower`, `projector`, `logits` or `workspace`. */
part: string,
/** Stored numbers. */
weights: number,
/** The optimiser's moments. */
optimiser: number,
/** Gradients. */
gradients: number,
/** What the backward pass needs. */
activations: number,
};

/** One message. */
export type Message = {
/** Its number in the chat. */
id: number,
/** The message it follows. */
parent: number | null,
/** Who wrote it. */
author: Author,
/** The text so far. */
text: string,
/** Its pictures. */
pictures: Array<PictureInfo>,
/** 0 for the chat's model, 1 for the second one beside it. */
side: number,
/** Who answered. */
choice: ModelChoice | null,
/** The answering model's name when it answered. */
model_name: string | null,
/** When, in milliseconds since 1970. */
created: number,
/** Why it ended; absent while it is being written. */
finish: Finish | null,
/** How fast it was. */
stats: AnswerStats | null,
/** Why it failed. */
error: ErrorBody | null,
};

/** A message of a chat. */
export type MessageRef = {
/** The chat. */
chat: ChatId,
/** The message. */
message: number,
};

/** What was measured at a step; a field is absent where it was not measured. */
export type MetricRow = {
/** The step, from 1. */
step: number,
/** Seconds since the run was made. */
seconds: number | null,
/** Training loss; absent too when it was not a number. */
loss: number | null,
/** Validation loss. */
validation_loss: number | null,
/** Learning rate of the projector. */
lr: number | null,
/** Length of the gradient. */
grad_norm: number | null,
/** Tokens per second. */
tokens_per_second: number | null,
/** Bytes of the process that trains. */
memory: number | null,
};

/** Some of a run's measurements. */
export type MetricsPage = {
/** Oldest first. */
rows: Array<MetricRow>,
/** Where to read on. */
next: number,
/** Whether there is more now. */
more: boolean,
};

/** The inspection card. */
export type ModelCard = {
/** What it is. */
kind: ModelKind,
/** Its parts. */
parts: Array<ModelPart>,
/** Whether they fit together; `false` comes with the reason in `problem`. */
fits_together: boolean,
/** Why they do not. */
problem: ErrorBody | null,
/** The chat template that will be used. */
template: string | null,
/** Longest text in tokens. */
context: number,
/** Tokens of one picture. */
picture_tokens: number | null,
/** Side of the square the tower reads, in pixels. */
picture_side: number | null,
/** Bytes of all weights in f32. */
bytes_f32: number,
/** Bytes of all weights in f16 or bf16. */
bytes_half: number,
/** Bytes with the language model in 4 bits. */
bytes_nf4: number,
};

/** One who can answer: a model, or a model with what a run made of it. */
export type ModelChoice = {
/** The model; the run's own base where a run is named. */
model: ModelId,
/** A checkpoint of a run on top of it. */
checkpoint?: CheckpointRef | null,
};

/** A model in the library. */
export type ModelId = string;

/** What a folder holds. */
export type ModelKind = "language_model" | "vision_tower" | "projector" | "stack";

/** One part of a model. */
export type ModelPart = {
/** `language model`, `vision tower` or `projector`. */
part: string,
/** Architecture and sizes; absent for a part that is only known by its name. */
sizes: PartSizes | null,
/** Whose names its tensors have. */
layout: string,
/** Numbers in it. */
parameters: number,
};

/** Where a model's parts are: a complete folder, or a language model with a tower and a projector. */
export type ModelPaths = {
/** Folder of a language model or of a complete model. */
model: string,
/** Folder of a vision tower. */
visual_encoder?: string | null,
/** Folder or `.pth` file of a projector and adapters. */
llava?: string | null,
};

/** Which model. */
export type ModelRef = {
/** Its id. */
model: ModelId,
};

/** A row of the list of models. */
export type ModelSummary = {
/** Its id. */
id: ModelId,
/** Its name. */
name: string,
/** What it is. */
kind: ModelKind,
/** Where it is. */
paths: ModelPaths,
/** Bytes on disk. */
bytes: number,
/** Whether it came with Eyewright. */
bundled: boolean,
/** Whether its files are in the library folder, so that deleting it can delete them. */
in_library: boolean,
/** Whether the memory of the device is enough to chat with it; unknown without a device's memory. */
fits: boolean | null,
/** The family, such as `internlm2`. */
architecture: string,
/** Why it cannot be used. */
fault: ErrorBody | null,
};

/** Changes a waiting run's place. */
export type MoveQueued = {
/** Which. */
run: RunId,
/** Its place among the waiting, from 0. */
place: number,
};

/** Nothing. */
export type Nothing = Record<symbol, never>;

/** Opens a page of the internet in the user's browser; only hosts that Eyewright names itself. */
export type OpenLink = {
/** An `https` address. */
url: string,
};

/** Architecture and sizes of a part. */
export type PartSizes = { "kind": "language_model",
/** The family, such as `internlm2`. */
family: string,
/** Blocks. */
layers: number,
/** Numbers for a token between blocks. */
width: number,
/** Heads of attention. */
heads: number,
/** Heads of keys and values. */
kv_heads: number,
/** Tokens it knows. */
vocabulary: number, } | { "kind": "vision_tower",
/** Blocks that are run. */
layers_used: number,
/** Blocks in its checkpoint. */
layers: number,
/** Numbers for a patch between blocks. */
width: number,
/** Side of the square it reads, in pixels. */
picture_side: number,
/** Side of a patch, in pixels. */
patch_side: number, } | { "kind": "projector",
/** The tower's width. */
vision_width: number,
/** The language model's width. */
text_width: number,
/** Linear layers. */
depth: number,
};

/** Opens the system's dialog. */
export type PickFiles = {
/** For what. */
purpose: PickFor,
};

/** What a dialog is for. */
export type PickFor = "pictures" | "folder" | "dataset" | "weights" | "plan";

/** What was picked; empty when the dialog was closed. */
export type PickedFiles = {
/** Absolute paths. */
paths: Array<string>,
};

/** A picture the interface may show: `thumb/<id>/<size>` in a browser, `thumb://localhost/<id>/<size>` in the
 * window; sizes are 96, 192, 384, 768 and 1536 pixels of the longer side. */
export type PictureInfo = {
/** The number to ask for it by; it lasts as long as the program runs. */
id: number,
/** The file's name. */
name: string,
/** Width in pixels as shown (turned as its camera says). */
width: number,
/** Height in pixels. */
height: number,
/** Size of the file. */
bytes: number,
/** Such as `JPEG`; empty if it could not be read. */
format: string,
/** Equal for equal files. */
hash: string,
/** Why it cannot be shown. */
fault: string | null,
};

/** Which picture. */
export type PictureRef = {
/** Its number. */
picture: number,
};

/** A picture as a model is given it. */
export type PictureView = {
/** The padded or cut square, as a picture of its own. */
seen: PictureInfo,
/** Tokens it takes in the conversation. */
tokens: number,
/** `pad` or `crop`. */
square: string,
/** Side of the square in pixels. */
side: number,
/** Shares of the original that are cut off, 0 to 1. */
cut: number,
/** By how much the original is made smaller; above about 4, small writing cannot be read. */
reduction: number,
};

/** One click that makes a plan smaller. */
export type PlanFix = {
/** What it does. */
way: FixWord,
/** Values to put into the draft. */
values: { [key in string]: string },
/** The forecast with them. */
total: number,
};

/** Something about a draft that matters before Start. */
export type PlanProblem = {
/** Whether it prevents Start. */
blocks: boolean,
/** The key it is about. */
key: string | null,
/** What it is. */
problem: ProblemWord,
/** What it names: a path, a model, a run; empty if nothing. */
name: string,
/** The core's own words, where there is more to say than the word does. */
detail: string | null,
};

/** One key of a plan. */
export type PlanRow = {
/** The key, such as `lr.projector`. */
key: string,
/** The flag that means the same, without dashes; empty if there is none. */
flag: string,
/** What may stand here. */
kind: FieldKind,
/** The value, as `values` of a draft would give it. */
value: string,
/** The value without the user's change. */
recommended: string,
/** Who decided. */
source: SourceWord,
/** What it does, in one line. */
advice: string,
};

/** Operating systems whose habits differ. */
export type Platform = "linux" | "macos" | "windows";

/** A network that Eyewright knows how to train, and where its parts come from. */
export type PresetCard = {
/** Its name. */
name: string,
/** One line about it. */
summary: string,
/** Licence of the weights. */
licence: string,
/** Where they come from. */
sources: Array<string>,
/** The language model's repository or folder. */
llm: string,
/** The tower's repository or folder. */
tower: string,
/** The chat template. */
template: string,
/** Whether the language model is in the library. */
llm_here: boolean,
/** Whether the tower is in the library. */
tower_here: boolean,
/** Numbers in the language model. */
llm_parameters: number,
};

/** A draft to look at. */
export type PreviewRun = {
/** The draft. */
draft: RunDraft,
/** An earlier draft that runs first and whose projector this one starts from. */
after?: RunDraft | null,
};

/** What can be wrong with a draft, or worth knowing. */
export type ProblemWord = "no_such_value" | "unresolved" | "not_chosen" | "too_large" | "run_going_on" | "model_not_here" | "no_tower" | "path_not_there" | "random_projector" | "no_rows" | "unreadable_data" | "unusable" | "bad_rows" | "no_good_rows";

/** TOML text of a plan or of overrides. */
export type ReadDraft = {
/** The text. */
toml: string,
};

/** The end of a run's log. */
export type ReadLog = {
/** The run. */
run: RunId,
/** At most this many bytes, up to 1 MiB. */
bytes: number,
};

/** Measurements from a place on. */
export type ReadMetrics = {
/** The run. */
run: RunId,
/** `next` of the page before; 0 for the beginning. */
offset: number,
/** At most this many rows, up to 20,000. */
limit?: number | null,
};

/** What a stage does. */
export type RecipeCard = {
/** Its name. */
name: string,
/** One line about it. */
summary: string,
/** Its stage. */
stage: StageWord,
};

/** A file that is no picture Eyewright can read. */
export type RefusedPicture = {
/** The file's name. */
name: string,
/** Why. */
error: ErrorBody,
};

/** Answers a question again, as a new branch. */
export type Regenerate = {
/** The chat. */
chat: ChatId,
/** The answer to be replaced in view. */
answer: number,
};

/** A new name. */
export type RenameDataset = {
/** Which. */
dataset: DatasetId,
/** The name. */
name: string,
};

/** A new name. */
export type RenameRun = {
/** Which. */
run: RunId,
/** The name. */
name: string,
};

/** What can be wrong with a row. The interface has words for each, and what to do about it. */
export type RowFault = "form" | "no_conversation" | "role" | "order" | "empty_answer" | "missing_picture" | "damaged_picture" | "outside_folder" | "image_marks" | "nothing_to_learn" | "other";

/** A page of rows. */
export type RowPage = {
/** The rows. */
rows: Array<DatasetRow>,
/** Rows that match in all; absent when the search was cut short. */
total: number | null,
/** Changes of this session that can be taken back. */
changes: number,
};

/** What is wrong with a row. */
export type RowProblem = {
/** What it is. */
problem: RowFault,
/** How bad. */
severity: Severity,
/** In words. */
message: string,
};

/** One turn of a row. */
export type RowTurn = {
/** Who speaks. */
speaker: Speaker,
/** What is said; `<image>` stands for a picture. */
text: string,
};

/** A run's page. */
export type RunDetail = {
/** As in the list. */
summary: RunSummary,
/** Its plan. */
plan: Array<PlanRow>,
/** The equal command line. */
command: string,
/** Its checkpoints, oldest first. */
checkpoints: Array<CheckpointCard>,
/** What its curve says. */
findings: Array<CurveFinding>,
/** What it last told about itself. */
progress: RunProgress | null,
/** The run it began from. */
began_from: RunId | null,
};

/** A run as the wizard holds it. */
export type RunDraft = {
/** The recipe. */
recipe: string,
/** The preset. */
preset: string,
/** What the user changed: key of the plan to value, as `--set` takes it. */
values: { [key in string]: string },
/** A name for the run; made from recipe and data if absent. */
name?: string | null,
/** Where to compute, such as `auto` or `cuda:0`; that of the settings if absent. */
device?: string | null,
};

/** What two steps of a dry run tell about the whole. */
export type RunEstimate = {
/** Steps in all. */
steps: number,
/** Seconds of one step. */
seconds_per_step: number,
/** Seconds in all. */
seconds: number,
/** Most bytes on the device, where it tells. */
device_memory: number | null,
/** What the forecast had said. */
forecast: number,
};

/** A run: the name of its folder. */
export type RunId = string;

/** A draft, resolved. */
export type RunPreview = {
/** Every key; empty when it cannot be resolved, and `problems` says why. */
rows: Array<PlanRow>,
/** Its stage. */
stage: StageWord | null,
/** The equal command line; empty as long as something is not chosen or no plan follows. */
command: string,
/** The plan as TOML. */
toml: string,
/** Memory. */
memory: MemoryBar | null,
/** One-click ways to fit, when it does not. */
fixes: Array<PlanFix>,
/** Steps of the run, when the data set's rows are known. */
steps: number | null,
/** Rows it trains on. */
rows_total: number | null,
/** Numbers that are trained. */
trained_parameters: number | null,
/** What is wrong or worth knowing. */
problems: Array<PlanProblem>,
/** Whether Start may be pressed. */
ready: boolean,
};

/** Where a run is. */
export type RunProgress = {
/** What it is doing: `loading`, `training`, `validating`, `sampling`, `saving`. */
phase: string,
/** Steps made. */
step: number,
/** Steps in all. */
steps: number,
/** Seconds since it was started, this time. */
elapsed: number,
/** Seconds left. */
remaining: number | null,
/** Tokens per second. */
tokens_per_second: number | null,
/** Share of the processor's threads that compute, 0 to 1; absent until it was measured. */
cpu_load: number | null,
/** Share of the time in which the card computes, 0 to 1, where its driver tells. */
device_load: number | null,
/** Bytes taken on the card, where its driver tells. */
device_memory: number | null,
/** Bytes of the process. */
process_memory: number | null,
};

/** Which run. */
export type RunRef = {
/** Its id. */
run: RunId,
};

/** How far a run is. */
export type RunState = "queued" | "preparing" | "running" | "stopping" | "stopped" | "interrupted" | "finished" | "failed";

/** A row of the list of runs. */
export type RunSummary = {
/** Its id. */
id: RunId,
/** Its name. */
name: string,
/** Where it lies. */
folder: string,
/** How far it is. */
state: RunState,
/** Its stage. */
stage: StageWord | null,
/** The recipe. */
recipe: string,
/** The preset. */
preset: string,
/** The data file. */
data: string,
/** Steps made. */
step: number,
/** Steps in all, once known. */
steps: number | null,
/** The newest loss. */
loss: number | null,
/** Whether there is a checkpoint. */
saved: boolean,
/** When it was made, in milliseconds since 1970. */
created: number,
/** When it ended. */
ended: number | null,
/** Place in the queue, from 0. */
place: number | null,
/** Why it failed. */
error: ErrorBody | null,
};

/** Answers of every checkpoint to the evaluation questions. */
export type SampleGrid = {
/** Columns: steps, 0 is before training. */
steps: Array<number>,
/** Rows: pictures × questions. */
rows: Array<SampleRow>,
};

/** One picture and question. */
export type SampleRow = {
/** The picture. */
picture: PictureInfo | null,
/** The question. */
prompt: string,
/** One cell for each of the grid's steps. */
answers: Array<string | null>,
};

/** How tokens are chosen and when an answer ends. */
export type SamplingSettings = {
/** 0 always takes the best token. */
temperature: number,
/** Draw among this many best tokens; 0 for all. */
top_k: number,
/** Draw among the best tokens that together have this probability. */
top_p: number,
/** Drop tokens below this share of the best one's probability. */
min_p: number,
/** Above 1 avoids tokens seen before. */
repetition_penalty: number,
/** Start of the random sequence; another one each time if absent. */
seed?: number | null,
/** Longest answer in tokens. */
max_new_tokens: number,
/** Texts that end an answer. */
stop: Array<string>,
};

/** Saves a text under a name the user picks. */
export type SaveText = {
/** A suggested name. */
name: string,
/** The text. */
text: string,
};

/** A question. */
export type SendMessage = {
/** The chat. */
chat: ChatId,
/** The text. */
text: string,
/** Pictures, by number. */
pictures: Array<number>,
/** The answer it follows; the newest of the branch shown if absent. */
parent?: number | null,
};

/** What a sent question became. */
export type SentMessage = {
/** The question; absent when an old one is answered again. */
question: Message | null,
/** The answers being written: one, or two side by side. */
answers: Array<Message>,
/** The work; cancelling it stops the answer. */
job: number,
};

/** Another folder for a data set's pictures. */
export type SetImageFolder = {
/** Which. */
dataset: DatasetId,
/** Where its picture names start from. */
image_folder: string,
};

/** Keeps a key. */
export type SetKey = {
/** Whose. */
name: string,
/** The key. */
key: string,
};

/** All settings. */
export type Settings = {
/** Language. */
language: Language,
/** Theme. */
theme: Theme,
/** Where to compute: `auto`, `cpu`, `cuda:0`, … */
device: string,
/** The dtype models are loaded in. */
dtype: DtypeWord,
/** The library folder. */
library: string,
/** Where models are downloaded from. */
hub: string,
/** Who answers in a new chat. */
choice: ModelChoice | null,
/** How tokens are chosen in a new chat. */
sampling: SamplingSettings,
/** Instructions in a new chat. */
system: string,
/** Whether the API server starts with the program. */
api_server: boolean,
/** Its port. */
api_port: number,
/** Notify when a run ends. */
notify: boolean,
/** Keep the machine awake while training. */
keep_awake: boolean,
/** What the interface itself remembers: small texts by name. */
interface: { [key in string]: string },
};

/** How bad a finding is. */
export type Severity = "fatal" | "warning" | "note";

/** Shows a folder in the file manager. */
export type ShowFolder = {
/** A run's folder. */
run?: RunId | null,
/** An export's folder, as its report says. */
folder?: string | null,
/** The library, if neither is given. */
library?: boolean | null,
};

/** Who decided a value. */
export type SourceWord = "recipe" | "preset" | "user" | "derived";

/** Who speaks in a row. */
export type Speaker = "human" | "gpt" | "system";

/** Writes two new data sets into the library. */
export type SplitDataset = {
/** Which. */
dataset: DatasetId,
/** Share of rows for validation, above 0 and at most 0.5. */
validation: number,
/** Decides which rows. */
seed: number,
};

/** What a split made. */
export type SplitResult = {
/** Rows to train on. */
train: DatasetSummary,
/** Rows to measure on. */
validation: DatasetSummary,
};

/** One of LLaVA's two stages. */
export type StageWord = "pretrain" | "finetune";

/** Starts an export. */
export type StartExport = {
/** What. */
source: ExportSource,
/** As what. */
format: ExportFormat,
/** A new folder; one in the library's `exports/` if absent. */
folder?: string | null,
/** The type of its numbers, one of the card's; the format's own if absent. */
dtype?: string | null,
};

/** Starts one run, or two in a chain: the second begins from the first one's projector. */
export type StartRun = {
/** One draft, or pretrain and finetune. */
drafts: Array<RunDraft>,
/** Wait for the runs before it instead of failing with `busy`. */
queue: boolean,
};

/** What to do with a run that is asked to stop. */
export type StopHow = "save" | "discard";

/** Stops a run. */
export type StopRun = {
/** Which. */
run: RunId,
/** How. */
how: StopHow,
};

/** Light or dark. */
export type Theme = "system" | "light" | "dark";

/** While a run is trained. */
export type TrainEvent = { "kind": "summary",
/** As it is now. */
summary: RunSummary, } | { "kind": "progress",
/** As it is now. */
progress: RunProgress, } | { "kind": "metrics",
/** The rows, oldest first. */
rows: Array<MetricRow>, } | { "kind": "checkpoint_saved",
/** Its step. */
step: number, } | { "kind": "sampled",
/** The step. */
step: number,
/** Every row with this step's answer alone. */
rows: Array<SampleRow>, } | { "kind": "finding",
/** What. */
finding: CurveFinding, } | { "kind": "log",
/** The line. */
line: string, } | { "kind": "finished" } | { "kind": "stopped",
/** The step of the newest checkpoint. */
saved_step: number | null, } | { "kind": "failed",
/** Why. */
error: ErrorBody,
/** Whether a checkpoint is there to resume from. */
resumable: boolean,
};

/** A picture through a model's eyes. */
export type ViewPicture = {
/** The picture. */
picture: number,
/** The model. */
choice: ModelChoice,
};

/** How the process that computes is. */
export type WorkerState = "idle" | "starting" | "running" | "silent" | "stopped";

/** The process that computes. */
export type WorkerStatus = {
/** How it is. */
state: WorkerState,
/** How often it ended by itself in this session. */
crashes: number,
/** Its memory in bytes. */
memory: number | null,
/** Why it ended last. */
last_error: ErrorBody | null,
};

/** Gathers what a report of a fault needs, with keys and folders of the user made unreadable. */
export type WriteDiagnostics = {
/** A folder; the library's `diagnostics/` if absent. */
folder?: string | null,
};

/** A file that was written. */
export type WrittenFile = {
/** Its path. */
path: string,
};

/** A text to save or copy. */
export type WrittenText = {
/** A file name for it. */
name: string,
/** The text. */
text: string,
};

/** Every command: what it takes and what it gives. */
export type Commands = {
  /** Version, door, library folder. */
  app_info: { request: Nothing; reply: AppInfo };
  /** Devices, memory, and what will be used and why. Takes seconds the first time. */
  hardware: { request: Nothing; reply: HardwareReport };
  /** The process that computes. */
  worker_status: { request: Nothing; reply: WorkerStatus };
  /** Ends the process that computes and starts another one; running work fails with `worker_stopped`. */
  restart_worker: { request: Nothing; reply: WorkerStatus };
  /** Work of this session, newest first. */
  list_jobs: { request: Nothing; reply: Array<JobInfo> };
  /** One piece of work. */
  get_job: { request: JobRef; reply: JobInfo };
  /** Asks it to stop; it has stopped when its event says so. */
  cancel_job: { request: JobRef; reply: JobInfo };
  /** All settings. */
  get_settings: { request: Nothing; reply: Settings };
  /** Changes what is given. */
  change_settings: { request: ChangeSettings; reply: Settings };
  /** Keys that are kept, without their text. */
  list_keys: { request: Nothing; reply: Array<KeyInfo> };
  /** Whether keys are kept in the system's keyring. */
  keyring: { request: Nothing; reply: KeyringStatus };
  /** Keeps a key in the system's keyring, or in memory where there is none. */
  set_key: { request: SetKey; reply: KeyInfo };
  /** Forgets a key. */
  forget_key: { request: KeyRef; reply: KeyInfo };
  /** The local API server: address, key, newest requests. */
  api_server: { request: Nothing; reply: ApiServerStatus };
  /** Gives the API server a new key; the old one stops working. */
  new_api_key: { request: Nothing; reply: ApiServerStatus };
  /** Writes a file for a report of a fault, free of secrets. */
  write_diagnostics: { request: WriteDiagnostics; reply: WrittenFile };
  /** The system's dialog (window only). */
  pick_files: { request: PickFiles; reply: PickedFiles };
  /** A folder of the machine Eyewright runs on. */
  list_folder: { request: ListFolder; reply: FolderListing };
  /** Shows a folder in the file manager (window only). */
  show_folder: { request: ShowFolder; reply: Nothing };
  /** Opens a page in the user's browser (window only). */
  open_link: { request: OpenLink; reply: Nothing };
  /** Saves a text under a name the user picks (window only; a browser downloads it itself). */
  save_text: { request: SaveText; reply: PickedFiles };
  /** Reads pictures from the system's clipboard (window only). */
  paste_pictures: { request: Nothing; reply: AddedPictures };
  /** Answers the event `close_asked` (window only). */
  answer_close: { request: AnswerClose; reply: Nothing };
  /** From bytes. */
  add_picture_bytes: { request: AddPictureBytes; reply: PictureInfo };
  /** From files and folders. */
  add_picture_files: { request: AddPictureFiles; reply: AddedPictures };
  /** One picture. */
  get_picture: { request: PictureRef; reply: PictureInfo };
  /** What a model sees of it. */
  view_picture: { request: ViewPicture; reply: PictureView };
  /** Newest first, or those in which words occur. */
  list_chats: { request: ListChats; reply: ChatPage };
  /** An empty chat. */
  create_chat: { request: CreateChat; reply: Chat };
  /** A whole chat, with the text written so far. */
  get_chat: { request: ChatRef; reply: Chat };
  /** Title, models, instructions, sampling. */
  change_chat: { request: ChangeChat; reply: Chat };
  /** Deletes it with its pictures. */
  delete_chat: { request: ChatRef; reply: Nothing };
  /** As Markdown or JSON. */
  export_chat: { request: ExportChat; reply: WrittenText };
  /** Asks. */
  send_message: { request: SendMessage; reply: SentMessage };
  /** Answers again, as a new branch. */
  regenerate: { request: Regenerate; reply: SentMessage };
  /** Asks a changed question, as a new branch. */
  edit_message: { request: EditMessage; reply: SentMessage };
  /** Shows the branch of this message. */
  show_branch: { request: MessageRef; reply: Chat };
  /** Deletes a message and all that follows it. */
  delete_message: { request: MessageRef; reply: Chat };
  /** Files a corrected answer into a data set. */
  correct_answer: { request: CorrectAnswer; reply: FiledCorrection };
  /** All models of the library. */
  list_models: { request: Nothing; reply: Array<ModelSummary> };
  /** Puts one on the list. */
  add_model: { request: AddModel; reply: ModelSummary };
  /** The inspection card. */
  inspect_model: { request: ModelRef; reply: ModelCard };
  /** The same before it is on the list: do these parts fit together? */
  inspect_paths: { request: InspectPaths; reply: ModelCard };
  /** Takes one off the list. */
  delete_model: { request: DeleteModel; reply: Nothing };
  /** Networks Eyewright can train, with licence and size. */
  list_presets: { request: Nothing; reply: Array<PresetCard> };
  /** Downloads one; a job of kind `download`. */
  download_model: { request: DownloadModel; reply: JobInfo };
  /** Loads one ahead of the first question; a job of kind `load`. */
  load_model: { request: LoadModel; reply: JobInfo };
  /** Frees the device's memory. */
  unload_model: { request: Nothing; reply: Nothing };
  /** What is loaded. */
  loaded_model: { request: Nothing; reply: LoadedModel | null };
  /** All data sets of the library. */
  list_datasets: { request: Nothing; reply: Array<DatasetSummary> };
  /** Puts one on the list. */
  add_dataset: { request: AddDataset; reply: DatasetSummary };
  /** An empty one. */
  create_dataset: { request: CreateDataset; reply: DatasetSummary };
  /** Draws a data set of everyday things to train the demo on; a job of kind `draw`. */
  make_demo_dataset: { request: MakeDemoDataset; reply: JobInfo };
  /** One data set. */
  get_dataset: { request: DatasetRef; reply: DatasetSummary };
  /** A new name. */
  rename_dataset: { request: RenameDataset; reply: DatasetSummary };
  /** Says where a data set's pictures are. */
  set_image_folder: { request: SetImageFolder; reply: DatasetSummary };
  /** Takes one off the list. */
  delete_dataset: { request: DeleteDataset; reply: Nothing };
  /** A page of rows with their pictures. */
  list_rows: { request: ListRows; reply: RowPage };
  /** Corrects what is said in a row, in the data set's own file. */
  edit_row: { request: EditRow; reply: ChangedRows };
  /** Takes a row out of the data set's own file. */
  delete_row: { request: DeleteRow; reply: ChangedRows };
  /** Takes the newest of this session's changes to a data set back. */
  undo_row_change: { request: DatasetRef; reply: ChangedRows };
  /** Checks every row; a job of kind `check`. */
  check_dataset: { request: CheckDataset; reply: JobInfo };
  /** What the last check found. */
  dataset_report: { request: DatasetRef; reply: DoctorReport | null };
  /** Splits rows for validation off; a job of kind `split`. */
  split_dataset: { request: SplitDataset; reply: JobInfo };
  /** What stages there are. */
  list_recipes: { request: Nothing; reply: Array<RecipeCard> };
  /** Resolves a draft: values, memory, steps, problems, the equal command. */
  preview_run: { request: PreviewRun; reply: RunPreview };
  /** Makes a draft of TOML text. */
  read_draft: { request: ReadDraft; reply: RunDraft };
  /** Two steps to measure them; a job of kind `estimate`. */
  estimate_run: { request: RunDraft; reply: JobInfo };
  /** Starts, or waits in the queue. */
  start_run: { request: StartRun; reply: Array<RunSummary> };
  /** Stops, with or without a checkpoint; a waiting run leaves the queue. */
  stop_run: { request: StopRun; reply: RunSummary };
  /** Goes on from the newest checkpoint. */
  resume_run: { request: RunRef; reply: RunSummary };
  /** Answers the evaluation questions after the current step. */
  sample_now: { request: RunRef; reply: Nothing };
  /** Saves a checkpoint after the current step. */
  save_now: { request: RunRef; reply: Nothing };
  /** Changes a waiting run's place. */
  move_queued: { request: MoveQueued; reply: Array<RunSummary> };
  /** Newest first. */
  list_runs: { request: Nothing; reply: Array<RunSummary> };
  /** A run's page. */
  get_run: { request: RunRef; reply: RunDetail };
  /** Measurements from a place on. */
  read_metrics: { request: ReadMetrics; reply: MetricsPage };
  /** The same as CSV. */
  export_metrics: { request: RunRef; reply: WrittenText };
  /** The before/after grid. */
  list_samples: { request: RunRef; reply: SampleGrid };
  /** The end of the log. */
  read_log: { request: ReadLog; reply: LogText };
  /** A new name. */
  rename_run: { request: RenameRun; reply: RunSummary };
  /** Deletes it. */
  delete_run: { request: DeleteRun; reply: Nothing };
  /** A draft with the same values. */
  duplicate_run: { request: RunRef; reply: RunDraft };
  /** What a source can become. */
  list_export_formats: { request: ListExportFormats; reply: Array<ExportCard> };
  /** Writes and verifies; a job of kind `export`. */
  start_export: { request: StartExport; reply: JobInfo };
};

/** Names of all commands. */
export type CommandName = keyof Commands;
