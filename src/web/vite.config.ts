// How the pages are built: one document, scripts in parts that are loaded when they are needed, and beside each file the
// same packed, so that the box packs nothing while it takes calls.
import { readFileSync, readdirSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { build, defineConfig, type Plugin } from 'vite'

// The chat is one file for pages of other people: nothing of ours is in it, and nothing of it in theirs.
async function chat(folder: string): Promise<void> {
  await build({
    configFile: false,
    logLevel: 'warn',
    esbuild: { legalComments: 'none' },
    build: {
      target: 'es2022',
      outDir: folder,
      emptyOutDir: false,
      copyPublicDir: false,
      reportCompressedSize: false,
      lib: { entry: 'chat/main.ts', formats: ['iife'], name: 'BranchlineChat', fileName: () => 'chat.js' },
    },
  })
}

function packed(): Plugin {
  let folder = ''
  const pack = (at: string): void => {
    for (const name of readdirSync(at)) {
      const file = join(at, name)
      if (statSync(file).isDirectory()) pack(file)
      else if (/\.(js|css|html|svg)$/.test(name)) {
        writeFileSync(`${file}.gz`, gzipSync(readFileSync(file), { level: 9 }))
      }
    }
  }
  return {
    name: 'packed',
    apply: 'build',
    configResolved(config) {
      folder = config.build.outDir
    },
    async closeBundle() {
      await chat(folder)
      pack(folder)
    },
  }
}

// `npm run dev` shows the pages as they are written, over a box that runs: BOX=https://127.0.0.1:8443
const box = process.env['BOX']

export default defineConfig({
  esbuild: { jsx: 'automatic', jsxImportSource: 'preact', legalComments: 'none' },
  build: {
    target: 'es2022',
    // Files are files: nothing that a Content-Security-Policy would have to make an exception for.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    reportCompressedSize: false,
    sourcemap: false,
  },
  plugins: [packed()],
  server: box
    ? { proxy: { '/api': { target: box, secure: false, changeOrigin: true, ws: true } } }
    : {},
})
