// A file on its way to the box.
export type Taken = { file: string; mime: string; size: number; name?: string | null }
export type Sending = { abort: () => void }
type Told = { progress: (part: number) => void; failed: (why: string) => void; done: (taken: Taken) => void }

export function send(url: string, token: string, file: File, told: Told): Sending {
  // Of what there is, only this tells how much has gone.
  const request = new XMLHttpRequest()
  request.open('POST', url)
  request.responseType = 'json'
  request.setRequestHeader('Authorization', `Bearer ${token}`)
  request.setRequestHeader('Content-Type', file.type || 'application/octet-stream')
  request.setRequestHeader('X-File-Name', encodeURIComponent(file.name))
  request.upload.onprogress = (event) => event.lengthComputable && told.progress(event.loaded / event.total)
  request.onerror = () => told.failed('later')
  request.onload = () => {
    const body: unknown = request.response
    if (request.status === 201) told.done(body as Taken)
    else told.failed((body as { why?: string } | null)?.why ?? 'later')
  }
  request.send(file)
  return request
}
