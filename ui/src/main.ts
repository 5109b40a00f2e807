// Where the interface begins: styles, then the shell in the page's one element.

import "./platform/tongue";

import "./styles/tokens.css";
import "./styles/page.css";

import { mount } from "svelte";

import Shell from "./app/Shell.svelte";
import { wear } from "./app/theme";

wear("system");
const target = document.getElementById("app");
if (target) mount(Shell, { target });
