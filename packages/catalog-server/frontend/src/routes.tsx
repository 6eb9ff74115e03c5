/** The screens, each loaded when it is first gone to, and the areas that the navigation shows. */

import { type LucideIcon, Workflow } from "lucide-react";
import { lazy } from "react";
import { Navigate, type RouteObject } from "react-router";

import type { MessageId } from "./i18n";
import { Signed } from "./session/Signed";

const WorkflowsScreen = lazy(() => import("./workflows/WorkflowsScreen"));
const EditorScreen = lazy(async () => ({ default: (await import("./editor/EditorScreen")).EditorScreen }));

interface Area {
  path: string;
  label: MessageId;
  icon: LucideIcon;
  permission?: string;
}

export const AREAS: readonly Area[] = [{ path: "/workflows", label: "shell.area.workflows", icon: Workflow }];

export const ROUTES: RouteObject[] = [
  { path: "/", element: <Navigate to="/workflows" replace /> },
  { path: "/sign-in", element: <Navigate to="/workflows" replace /> },
  { path: "/workflows", element: <Signed>{(session) => <WorkflowsScreen session={session} />}</Signed> },
  {
    path: "/workflows/:id",
    element: <Signed>{(session) => <EditorScreen permissions={session.permissions} />}</Signed>,
  },
  { path: "*", element: <Navigate to="/workflows" replace /> },
];
