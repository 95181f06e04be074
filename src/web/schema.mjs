// Makes pages/schema.ts of the document that `branchline openapi` prints: node schema.mjs < openapi.json > pages/schema.ts
import { readFileSync } from 'node:fs'

const { schemas } = JSON.parse(readFileSync(0, 'utf8')).components

function type(schema) {
  if (schema.$ref) return schema.$ref.split('/').pop()
  if (schema.enum) return schema.enum.map((value) => JSON.stringify(value)).join(' | ')
  if (schema.const !== undefined) return JSON.stringify(schema.const)
  const choices = schema.oneOf ?? schema.anyOf
  if (choices) return choices.map(type).join(' | ')
  if (schema.allOf) return schema.allOf.map(type).join(' & ')
  const kinds = [schema.type ?? 'unknown'].flat()
  return kinds.map((kind) => simple(kind, schema)).join(' | ')
}

function simple(kind, schema) {
  switch (kind) {
    case 'object': return object(schema)
    case 'array': return schema.items ? `Array<${type(schema.items)}>` : 'unknown[]'
    case 'integer': return 'number'
    default: return kind
  }
}

function object(schema) {
  if (!schema.properties) {
    const { additionalProperties: own } = schema
    return own && own !== true ? `Record<string, ${type(own)}>` : 'Record<string, unknown>'
  }
  const needed = new Set(schema.required ?? [])
  const members = Object.entries(schema.properties).map(
    ([name, own]) => `  ${JSON.stringify(name)}${needed.has(name) ? '' : '?'}: ${type(own)}`,
  )
  return `{\n${members.join('\n')}\n}`
}

const lines = Object.keys(schemas).sort().map((name) => `export type ${name} = ${type(schemas[name])}\n`)
process.stdout.write(`// What the API says and takes, from \`branchline openapi\` by schema.mjs: not written by hand.\n\n${lines.join('\n')}`)
