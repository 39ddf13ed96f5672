import { assertFakeHost } from '../support/fake-host.js';
import { kindTests } from './kinds.js';

assertFakeHost();
kindTests();
