import { render } from 'preact'
import './style/tokens.css'
import './style/base.css'
import './style/parts.css'
import './style/pages.css'
import './style/desk.css'
import './style/written.css'
import './style/watch.css'
import './style/admin.css'
import { look } from './api'
import { App } from './app'
import { begin } from './words'

await Promise.all([begin(), look()])
const page = document.getElementById('page')
if (page) render(<App />, page)
