#pragma once
// expect: begins with `// SPDX-License-Identifier: MIT` and then a comment that says what the file is for
