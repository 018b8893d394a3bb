// Writes the system prompt that teaches a model OpenUI Lang with the components of OpenUI's chat:
//   node prompt.mjs > system-prompt.txt
import { openuiChatLibrary, openuiChatPromptOptions } from "@openuidev/react-ui/genui-lib";

process.stdout.write(`${openuiChatLibrary.prompt(openuiChatPromptOptions)}\n`);
