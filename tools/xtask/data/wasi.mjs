// Runs one wasm32-wasip1 module as a program: arguments, standard output, files to read, an exit code.
import { readFileSync } from "node:fs";
import { WASI } from "node:wasi";

const [file, ...rest] = process.argv.slice(2);
const wasi = new WASI({ version: "preview1", args: [file, ...rest], env: process.env, preopens: { "/": "/" } });
const module = new WebAssembly.Module(readFileSync(file));
const imports = wasi.getImportObject();
for (const { module: from, name } of WebAssembly.Module.imports(module)) {
  imports[from] ??= {};
  imports[from][name] ??= () => {
    throw new Error(`${from}.${name} is called, and there is none`);
  };
}
process.exitCode = wasi.start(new WebAssembly.Instance(module, imports));
